"""What only a bot in dry-run or live has: guard, journal, booking, state file, stop latch. To
change: how a running bot keeps its positions, orders and books right. `replaced` lists every
attribute of Freqtrade that is replaced.
"""

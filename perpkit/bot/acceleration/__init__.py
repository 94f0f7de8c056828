"""Freqtrade's own backtests and hyperopt, faster and with the same result: see
docs/acceleration.md. To change: which parts there are, and when they are on.
"""

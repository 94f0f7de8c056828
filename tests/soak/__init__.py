"""Seeded episodes of faults: how Freqtrade alone behaves. `python -m tests.soak --help`."""

"""Seeded episodes with a stop and targets at risk. `python -m tests.targets --help`."""

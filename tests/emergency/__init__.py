"""Many seeded emergency stops: see `python -m tests.emergency --help`."""

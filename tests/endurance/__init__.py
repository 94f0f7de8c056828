"""A live bot at the venue for virtual days, with faults. `python -m tests.endurance --help`."""

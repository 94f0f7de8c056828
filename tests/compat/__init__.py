"""`make compat`: releases of Freqtrade and of Python, each with the contracts and a rehearsal."""

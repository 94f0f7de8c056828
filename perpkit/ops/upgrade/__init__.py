"""`perpkit doctor --upgrade`: another Freqtrade, tried out before it is installed."""

"""Leverage, stops and position sizes: pure functions that work on prices before leverage."""

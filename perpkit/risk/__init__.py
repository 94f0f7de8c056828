"""Leverage, stops and sizes. Pure functions, in price space."""

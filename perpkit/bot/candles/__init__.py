"""Candles and look-ups in them. To change: where candles and market columns come from."""

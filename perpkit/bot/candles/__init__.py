"""Candles and what is looked up in them. To change: where candles and market columns come from."""

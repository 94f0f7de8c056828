"""Bybit and OKX as their documented raw answers, for ccxt's own parsers and stock Freqtrade."""

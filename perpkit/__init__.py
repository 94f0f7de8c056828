"""Perpkit: strategies, circuit breakers and pairlists for Freqtrade on Binance USD-M perpetuals."""

__version__ = "0.1.0"

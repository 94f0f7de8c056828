"""Breakers one candle after another, as they are defined.

Perpkit evaluates all candles at once and must decide the same: what a latch remembers here is swept
over arrays there.
"""

"""The watch that drives breakers every candle, and what it reads. To change: how breakers see the
market and lock. What a breaker decides stands in `perpkit.breakers`.
"""

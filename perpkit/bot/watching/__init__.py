"""The watch, which runs the breakers every candle, and the data it reads. To change: how breakers
see the market and set locks. What a breaker decides is defined in `perpkit.breakers`.
"""

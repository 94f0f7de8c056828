"""Circuit breakers as pure functions: market data or observations in, decisions out."""

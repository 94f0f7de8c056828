"""Market data: funding, positioning, volatility, correlation. Pure numpy and pandas."""

"""What is known of the market: funding, positioning, volatility. Pure numpy and pandas."""

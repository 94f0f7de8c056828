"""Research: what a backtest proves and what it does not."""

"""The report: one HTML page about what a backtest or a bot did, and how it did it."""

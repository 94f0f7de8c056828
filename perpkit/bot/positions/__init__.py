"""Entries, stops and adjustments of trades, and the account. To change: how risk becomes orders."""

"""Entries, stops and adjustments of trades; the account. To change: how risk becomes orders."""

"""Entries against the order book: checks, slippage, prices, partial fills. No exit is vetoed."""

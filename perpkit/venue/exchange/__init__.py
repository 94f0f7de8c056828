"""The exchange: market and accounts at the same moment. To change: how accounts catch up with the
market, and which of their orders and fills queries see.
"""

"""Positioning data from the exchange. To change: what is downloaded, how, and how often."""

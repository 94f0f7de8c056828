"""Downloads positioning data from the exchange. To change: which data, how, and how often."""

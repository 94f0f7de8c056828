"""Entry and exit signals, and the confidence in them. Pure numpy and pandas."""

"""A simulated Binance USD-M venue on the loopback: markets and the HTTP that serves them."""

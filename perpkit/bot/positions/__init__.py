"""What belongs to open positions: the state of each trade."""

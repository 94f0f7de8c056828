"""What only a bot in dry-run or live has: the guard over its stops, its orders, its books."""

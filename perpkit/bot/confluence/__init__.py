"""Several sources of signals in one bot: which there are, their budgets, whose each trade is."""

"""Several sources of signals in one bot: which there are, their budgets, and whose each trade is."""

"""Searches of parameters: what a set of them is worth, and whether its neighbours are, too."""

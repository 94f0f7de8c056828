"""Searches of parameters: what a set of parameters is worth, and whether its neighbours are, too."""

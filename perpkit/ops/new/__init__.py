"""`perpkit new`: writes a first version of your own protection, pairlist or strategy, with a test.

The files come from `templates/`, complete and working, and get a new class name.
"""

"""`perpkit new`: the first version of a protection, pairlist or strategy of your own, with a test.

What it writes are the files in `templates/`, complete and working, with another class name.
"""

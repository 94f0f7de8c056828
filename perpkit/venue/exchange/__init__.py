"""Market and accounts at the same moment. To change: what happened since the last look, and what of
it is visible.
"""

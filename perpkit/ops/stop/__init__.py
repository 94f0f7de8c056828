"""`perpkit stop`: the emergency stop of one account or several."""

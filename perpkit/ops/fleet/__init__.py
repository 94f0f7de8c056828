"""`perpkit fleet`: several bots, on one account or on several, as one."""

"""`perpkit doctor`: checks everything that a run needs, in order, with a fix for each finding."""

"""`perpkit doctor`: everything that a run needs, checked in order, with a fix for each finding."""

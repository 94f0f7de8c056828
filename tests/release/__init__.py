"""`make release-check`: what is about to be uploaded, looked at as its users will have it."""

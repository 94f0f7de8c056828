"""`perpkit metrics`: the state files of bots as metrics for Prometheus."""

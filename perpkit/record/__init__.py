"""The files that a bot shares with the operator's tools, such as the journal and the state file."""

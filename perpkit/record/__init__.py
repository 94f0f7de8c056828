"""The files through which a bot and the operator's tools speak: the journal and the state file."""

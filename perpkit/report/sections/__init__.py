"""The sections of the report: each one answers a question, or says why it cannot."""

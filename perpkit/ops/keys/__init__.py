"""API keys: what the exchange lets them do, and where they are kept.

`findings.key_findings` is the check, for other commands too.
"""

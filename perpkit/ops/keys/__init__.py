"""API keys: what the exchange permits them, and where they are stored.

Other commands run the check through `findings.key_findings`.
"""

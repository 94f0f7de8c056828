"""Operator commands: tools that a person runs alongside the bot."""

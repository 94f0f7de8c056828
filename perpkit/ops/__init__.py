"""Operator commands: what a person runs beside the bot."""

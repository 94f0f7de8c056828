"""Callbacks that handle their own errors. To change: what a callback returns when it fails."""

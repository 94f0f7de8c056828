"""Callbacks that answer their own errors. To change: what a callback answers when it fails."""

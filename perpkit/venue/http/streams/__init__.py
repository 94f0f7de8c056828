"""Websocket streams: market data and the user data stream. To change: streams and their messages."""

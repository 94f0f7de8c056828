"""Websocket streams, of market data and of user data. To change: streams and their messages."""

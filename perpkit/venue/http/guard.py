"""Access control: programs on this machine may send requests, web pages from elsewhere may not.

Any page that a browser on this machine shows can send requests to the loopback: by re-binding its
own name to it, or across origins without reading the answer. Both show in the headers.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from perpkit.venue.http.bounds import refused

# Host, or Origin without its scheme: a name or an address, optionally with a port.
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@/\s]+)(:[0-9]{1,5})?")
# Values of Sec-Fetch-Site that browsers send for requests that come from no other site.
_SITES = ("none", "same-origin", "same-site")


def is_loopback_authority(authority: str) -> bool:
    """Whether `host` or `host:port` is this machine and cannot be re-bound to another."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return False
    host = match["host"].strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def objection(headers: Headers) -> str | None:
    """The reason to refuse a request with these headers; None to serve it."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback_authority(hosts[0]):
        return f"Host must be of the loopback, got {_shown(hosts)}"
    for origin in headers.getlist("origin"):
        if not _is_loopback_origin(origin):
            return f"Origin must be of the loopback, got {_shown([origin])}"
    for site in headers.getlist("sec-fetch-site"):
        if site.lower() not in _SITES:
            return f"Sec-Fetch-Site must be one of {', '.join(_SITES)}, got {_shown([site])}"
    return None


def _is_loopback_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback_authority(parts.netloc)


def _shown(values: list[str]) -> str:
    return ", ".join(repr(value[:100]) for value in values) or "none"


class Guard:
    """ASGI middleware that applies `objection` to every path of a real server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] in ("http", "websocket"):
            reason = objection(Headers(scope=scope))
            if reason is not None and scope["type"] == "http":
                app = refused(scope["path"], 403, -1002, reason)
            elif reason is not None:
                app = WebSocketClose(reason=reason)  # before it is accepted: 403
        await app(scope, receive, send)

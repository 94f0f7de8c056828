"""Hides the passwords of URLs in files and messages."""

from __future__ import annotations

import re

# User and password as SQLAlchemy parses them: a password may contain anything but @, also / and #.
_CREDENTIALS = re.compile(r"(?<=://)[^:/@]*:[^@]*@|(?<=://)[^/@]*@")


def without_credentials(url: str) -> str:
    return _CREDENTIALS.sub("", url, count=1)


def shown_url(url: str) -> str:
    """Returns the URL with three stars in place of the password, even if it cannot be parsed."""
    hidden = re.sub(r"(://[^:/@]*:).*@", r"\1***@", url, count=1, flags=re.DOTALL)
    if hidden == url and "@" in url:  # the text before it may include a password
        return f"***@{url.rpartition('@')[2]}"
    return hidden

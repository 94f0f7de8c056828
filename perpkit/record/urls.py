"""Hides the passwords of URLs in files and messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL

# A path of Windows begins with one letter; a `Path` has lost one of the two slashes.
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")
TO_FILE = "freqtrade convert-db --db-url sqlite:///copy.sqlite --db-url-from URL"

# User and password as SQLAlchemy parses them: a password may contain anything but @, also / and #.
_CREDENTIALS = re.compile(r"(?<=://)[^:/@]*:[^@]*@|(?<=://)[^/@]*@")
_QUERY = re.compile(r"\?.*", re.DOTALL)


def without_credentials(url: str) -> str:
    return _CREDENTIALS.sub("", url, count=1)


def shown_url(url: str) -> str:
    """Returns the URL with three stars in place of password and query, even if it cannot be parsed.

    A query may have the password, too: `postgresql://host/db?user=me&password=...`.
    """
    before, at, after = url.rpartition("@")
    if "?" in before:  # of a password, or of a query with an @ in it
        scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", url)
        return f"{scheme[0] if scheme else ''}***"
    hidden = re.sub(r"(://[^:/@]*:).*@", r"\1***@", url, count=1, flags=re.DOTALL)
    if hidden == url and at:  # the text before it may include a password
        hidden = f"***@{after}"
    return _QUERY.sub("?***", hidden)


def shown_parsed(url: URL) -> str:
    """Returns a URL that SQLAlchemy has parsed, without its password and its query."""
    shown = url.set(query={}).render_as_string(hide_password=True)
    return f"{shown}?***" if url.query else shown


def refuse_url(name: str, path: Path) -> None:
    """Checks that what must be a file is no URL, which might contain a password.

    :param name: of what must be a file
    :raises ValueError: if it is one; the message omits it
    """
    if _SCHEME.match(str(path)):
        raise ValueError(
            f"{name} must be a file, got a URL: of SQLite, give the path; copy another database "
            f"into a file: {TO_FILE}"
        )

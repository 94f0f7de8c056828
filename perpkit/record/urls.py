"""URLs that may hold a password, for files and messages."""

from __future__ import annotations

import re

# User and password as SQLAlchemy finds them: a password may have any sign but @, / and # included.
_CREDENTIALS = re.compile(r"(?<=://)[^:/@]*:[^@]*@|(?<=://)[^/@]*@")


def without_credentials(url: str) -> str:
    return _CREDENTIALS.sub("", url, count=1)


def shown_url(url: str) -> str:
    """With three stars for the password; also of what is no URL that anything can read."""
    hidden = re.sub(r"(://[^:/@]*:).*@", r"\1***@", url, count=1, flags=re.DOTALL)
    if hidden == url and "@" in url:  # what is before it may be a password
        return f"***@{url.rpartition('@')[2]}"
    return hidden

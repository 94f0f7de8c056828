"""A password in the URL of a database is in no message, and in no name of a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.engine import make_url

from perpkit.record.places import places
from perpkit.record.trade_database import DatabaseError, TradeDatabase
from perpkit.record.urls import refuse_url, shown_url, without_credentials
from tests.bench.planted import DB_PASSWORD

PASSWORDS = ("", "a/", "a#", "a?", "a%2F", "a:", "\u2100")  # before the planted one


@pytest.mark.parametrize("before", PASSWORDS)
def test_files_are_not_named_after_a_password(before):
    found = places(f"postgresql://me:{before}{DB_PASSWORD}@host:5432/trades", Path("/home"))
    assert found.journal == Path("/home/perpkit/trades.journal.sqlite")


@pytest.mark.parametrize(
    ("url", "shown", "without"),
    [
        ("postgresql://me:SECRET@host/db", "postgresql://me:***@host/db", "postgresql://host/db"),
        ("postgresql://me:a/SECRET@h/db", "postgresql://me:***@h/db", "postgresql://h/db"),
        ("postgresql://me:a@SECRET@h/db", "postgresql://me:***@h/db", None),
        ("postgresql://me@host/db", "***@host/db", "postgresql://host/db"),
        ("postgresql://host/db", "postgresql://host/db", "postgresql://host/db"),
        ("sqlite:////data/a:b@c.db", "sqlite:////data/a:b@c.db", "sqlite:////data/a:b@c.db"),
        ("me:SECRET@host", "***@host", "me:SECRET@host"),
        ("postgresql://h/db?user=u&password=SECRET", "postgresql://h/db?***", None),
        ("postgresql://u@h/db?password=SECRET", "***@h/db?***", None),
        ("postgresql://me:SECRET@h/db?sslpassword=SECRET", "postgresql://me:***@h/db?***", None),
        # A password with a "?", or a query with an @.
        ("postgresql://me:a?SECRET@h/db", "postgresql://***", None),
        ("postgresql://h:1/db?user=a@b&password=SECRET", "postgresql://***", None),
        ("postgresql://h/db?password=a@SECRET", "postgresql://***", None),
        ("SECRET?x://me@h", "***", None),
        ("sqlite://", "sqlite://", "sqlite://"),
    ],
)
def test_urls(url, shown, without):
    assert "SECRET" not in shown_url(url)
    if not url.startswith("sqlite:////"):
        assert shown_url(url) == shown
    if without is not None:
        assert without_credentials(url) == without


@pytest.mark.parametrize("before", PASSWORDS)
@pytest.mark.parametrize(
    "url", ["postgresql://me:{}@host:port/db", "nothing://me:{}@host/db", "me:{}@host", "x y:{}@"]
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(url, before):
    with pytest.raises(DatabaseError) as raised:
        TradeDatabase.at(url.format(before + DB_PASSWORD))
    assert DB_PASSWORD not in str(raised.value)


@pytest.mark.parametrize("before", ["", "a%40", "a%26"])
@pytest.mark.parametrize(
    "url",
    ["postgresql://127.0.0.1:1/db?user=u&password={}", "nothing://h/db?password={}", "x y?p={}"],
)
def test_a_password_in_the_query_is_in_no_message(url, before):
    with pytest.raises(DatabaseError) as raised:
        TradeDatabase.at(url.format(before + DB_PASSWORD))
    assert DB_PASSWORD not in str(raised.value)


def test_a_database_is_named_without_its_query():
    """As the engine of a bot has it."""
    for url, name in (
        (f"postgresql://me@h/db?password={DB_PASSWORD}", "postgresql://me@h/db?***"),
        (f"postgresql://me:{DB_PASSWORD}@h/db", "postgresql://me:***@h/db"),
    ):
        assert TradeDatabase(SimpleNamespace(url=make_url(url))).name == name


@pytest.mark.parametrize("url", ["postgresql://me:{}@[::1/db", "sqlite://me:{}@[x/db"])
def test_what_is_no_url_is_named_without_its_password(url):
    with pytest.raises(ValueError, match="db_url must be the URL of a database") as raised:
        places(url.format(DB_PASSWORD), Path("/home"))
    assert DB_PASSWORD not in str(raised.value)


@pytest.mark.parametrize("url", ["postgresql+psycopg://me:{}@h/db", "sqlite:///a.db"])
def test_a_url_is_refused_where_a_file_is_meant_and_not_shown(url):
    with pytest.raises(ValueError, match=r"^results must be a file, got a URL: ") as refused:
        refuse_url("results", Path(url.format(DB_PASSWORD)))
    assert DB_PASSWORD not in str(refused.value)


@pytest.mark.parametrize("path", ["a.sqlite", "/a/b:c.sqlite", "a:b/c", "c:/a.sqlite", "./x:/y"])
def test_files_are_no_urls(path):
    refuse_url("results", Path(path))

"""Databases of rehearsals and of the exchange: which mode may use which."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from freqtrade.persistence import Trade, init_db
from sqlalchemy.exc import SQLAlchemyError

from perpkit.bot.loading.rehearsal_database import Content, claim, content, refuse_rehearsed
from perpkit.rehearsal import RehearsalError
from tests import factories

CLOSED = {"close_rate": 52_000.0}


def database(path: Path, *trades: dict) -> str:
    """Freqtrade's own, with trades."""
    url = f"sqlite:///{path}"
    init_db(url)
    for pair, more in zip(("BTC/USDT:USDT", "ETH/USDT:USDT"), trades, strict=False):
        Trade.session.add(factories.trade(pair, **more))
    Trade.commit()
    engine = Trade.session.get_bind()
    Trade.session.remove()
    engine.dispose()
    return url


@pytest.fixture(autouse=True)
def _leave_no_session(trade_database):
    """`init_db` changes the sessions of the whole process."""


def test_a_new_database_is_marked_and_freqtrade_can_use_it(tmp_path):
    url = f"sqlite:///{tmp_path}/folder/new.sqlite"
    claim(url, "dry-run")
    assert content(url) == Content("dry-run")
    init_db(url)
    Trade.session.add(factories.trade("BTC/USDT:USDT"))
    Trade.commit()
    assert content(url) == Content("dry-run", True, True)
    claim(url, "dry-run")  # started again


@pytest.mark.parametrize("trades", [[{}], [CLOSED], [CLOSED, {}]])
def test_trades_of_the_exchange_are_not_rehearsed_with(tmp_path, trades):
    url = database(tmp_path / "real.sqlite", *trades)
    with pytest.raises(RehearsalError, match="trades that were not made at a venue"):
        claim(url, "live")
    assert content(url).mode is None


def test_a_database_without_trades_may_become_one_of_rehearsals(tmp_path):
    url = database(tmp_path / "empty.sqlite")
    claim(url, "live")
    assert content(url) == Content("live")


@pytest.mark.parametrize(("first", "second"), [("dry-run", "live"), ("live", "dry-run")])
def test_the_modes_share_no_database(tmp_path, first, second):
    url = f"sqlite:///{tmp_path}/one.sqlite"
    claim(url, first)
    with pytest.raises(RehearsalError, match=f"in the mode {first}, and this is {second}"):
        claim(url, second)


def test_a_query_which_may_have_a_password_is_not_shown(tmp_path):
    url = f"sqlite:///{tmp_path}/one.sqlite?timeout=5"
    claim(url, "live")
    with pytest.raises(RehearsalError, match=r"one\.sqlite\?\*\*\* was used at a venue"):
        claim(url, "dry-run")


def test_rehearsed_trades_do_not_meet_the_exchange(tmp_path):
    url = database(tmp_path / "one.sqlite")
    assert refuse_rehearsed(url) == Content()
    claim(url, "live")
    with pytest.raises(RehearsalError, match=r"one.sqlite has the trades of rehearsals"):
        refuse_rehearsed(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///{}/none.sqlite"])
def test_looking_makes_nothing(tmp_path, url):
    assert content(url.format(tmp_path)) == Content()
    assert refuse_rehearsed(url.format(tmp_path)) == Content()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_what_is_in_memory_is_forgotten_anyway(url):
    claim(url, "dry-run")
    claim(url, "live")


def test_one_that_is_damaged_is_left_to_freqtrade(tmp_path):
    path = tmp_path / "bad.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(SQLAlchemyError):
        content(f"sqlite:///{path}")
    assert refuse_rehearsed(f"sqlite:///{path}") == Content()


def test_a_password_is_not_shown(tmp_path, monkeypatch):
    marked = Content("live", True, True)
    monkeypatch.setattr("perpkit.bot.loading.rehearsal_database.content", lambda _: marked)
    with pytest.raises(RehearsalError) as error:
        refuse_rehearsed("postgresql://me:hidden@host/trades")
    assert "hidden" not in str(error.value)


def test_the_mark_is_a_table_that_any_tool_can_read(tmp_path):
    claim(f"sqlite:///{tmp_path}/one.sqlite", "live")
    with sqlite3.connect(tmp_path / "one.sqlite") as connection:
        assert connection.execute("SELECT mode FROM perpkit_venue").fetchall() == [("live",)]
    connection.close()

"""What a command may start with: configurations, run modes, and what is in their directories."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import Trade, init_db
from urllib3.exceptions import InsecureRequestWarning

from perpkit.bot.loading.rehearsal_database import content
from perpkit.bot.loading.rehearsal_guard import check
from perpkit.rehearsal import RehearsalError
from perpkit.rehearsal.datadir_mark import mark, marked
from perpkit.venue.overlay import overlay
from tests import factories

VENUE = "https://demo-fapi@127.0.0.1:1"
TRADING = [(RunMode.DRY_RUN, "trade"), (RunMode.LIVE, "trade")]
DOWNLOADING = [(RunMode.UTIL_EXCHANGE, "download-data")]
SIMULATING = [
    (RunMode.BACKTEST, "backtesting"),
    (RunMode.HYPEROPT, "hyperopt"),
    (RunMode.UTIL_EXCHANGE, "lookahead-analysis"),
    (RunMode.UTIL_EXCHANGE, "recursive-analysis"),
    (RunMode.PLOT, "plot-dataframe"),
    (RunMode.WEBSERVER, "webserver"),
    (RunMode.UTIL_NO_EXCHANGE, "list-data"),
    (RunMode.OTHER, None),
]


def loaded(tmp_path: Path, mode: RunMode, *, venue: bool = False) -> dict[str, Any]:
    """A configuration as Freqtrade has loaded it."""
    leading = overlay(VENUE, live=mode is RunMode.LIVE) if venue else {"exchange": {"key": "real"}}
    return {
        **leading,
        "dry_run": mode is not RunMode.LIVE,
        "runmode": mode,
        "datadir": tmp_path / "data",
        "db_url": f"sqlite:///{tmp_path}/trades.sqlite",
        "initial_state": "running",
    }


def real_candles(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "BTC_USDT_USDT-1h-futures.feather").write_bytes(b"")


@pytest.mark.parametrize(("mode", "command"), TRADING + DOWNLOADING)
class TestAtTheExchange:
    def test_a_venues_data_are_refused(self, mode, command, tmp_path):
        mark(tmp_path / "data", "synthetic market, seed 1")
        with pytest.raises(RehearsalError, match=r"seed 1.*perpkit-venue.json.*--datadir"):
            check(loaded(tmp_path, mode), {}, command)

    def test_its_own_data_are_not_touched(self, mode, command, tmp_path):
        real_candles(tmp_path)
        config = loaded(tmp_path, mode)
        check(config, {"FREQTRADE__EXCHANGE__KEY": "real"}, command)
        assert marked(tmp_path / "data") is None
        assert config == loaded(tmp_path, mode)
        assert not (tmp_path / "trades.sqlite").exists()


@pytest.mark.parametrize(("mode", "command"), TRADING + DOWNLOADING)
class TestAtAVenue:
    def test_what_it_fills_is_marked(self, mode, command, tmp_path):
        check(loaded(tmp_path, mode, venue=True), {}, command)
        assert "https://demo-fapi@127.0.0.1:1" in marked(tmp_path / "data")

    def test_data_of_the_exchange_are_refused(self, mode, command, tmp_path):
        real_candles(tmp_path)
        with pytest.raises(RehearsalError, match="data that no venue has made"):
            check(loaded(tmp_path, mode, venue=True), {}, command)

    def test_an_overlay_with_a_foreign_key_is_refused_before_marking(self, mode, command, tmp_path):
        config = loaded(tmp_path, mode, venue=True)
        config["exchange"] |= {"key": "real"}
        with pytest.raises(RehearsalError, match="key"):
            check(config, {}, command)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("venue", [False, True])
@pytest.mark.parametrize(("mode", "command"), SIMULATING)
def test_others_say_it_in_one_line_and_go_on(mode, command, venue, tmp_path, caplog):
    mark(tmp_path / "data", "synthetic market, seed 1")
    with caplog.at_level(logging.INFO):
        check(loaded(tmp_path, mode, venue=venue), {}, command)
    (line,) = caplog.messages
    assert "made by a simulated venue (synthetic market, seed 1" in line


@pytest.mark.parametrize("venue", [False, True])
@pytest.mark.parametrize(("mode", "command"), SIMULATING)
def test_others_take_what_they_are_given(mode, command, venue, tmp_path, caplog):
    real_candles(tmp_path)
    with caplog.at_level(logging.INFO):
        check(loaded(tmp_path, mode, venue=venue), {}, command)
    assert caplog.messages == []
    assert marked(tmp_path / "data") is None


@pytest.mark.parametrize(("mode", "command"), [*TRADING, *DOWNLOADING, *SIMULATING])
def test_no_command_starts_with_half_an_overlay(mode, command, tmp_path):
    config = loaded(tmp_path, mode, venue=True)
    del config["exchange"]["ccxt_config"]["urls"]["api"]["sapi"]
    with pytest.raises(RehearsalError, match=r"refused: .*sapi"):
        check(config, {}, command)


def open_trade(tmp_path: Path, close_rate: float | None = None) -> None:
    init_db(f"sqlite:///{tmp_path}/trades.sqlite")
    Trade.session.add(factories.trade("BTC/USDT:USDT", close_rate=close_rate))
    Trade.commit()
    Trade.session.remove()


@pytest.mark.parametrize(("mode", "command"), TRADING)
class TestOpenTradesAndAVenuesData:
    @pytest.mark.parametrize("state", ["running", "stopped"])
    def test_they_are_managed_without_new_ones(
        self, mode, command, state, tmp_path, trade_database, caplog
    ):
        mark(tmp_path / "data", "synthetic market, seed 1")
        open_trade(tmp_path)
        config = {**loaded(tmp_path, mode), "initial_state": state}
        check(config, {}, command)
        assert config["initial_state"] == {"running": "paused"}.get(state, state)
        (record,) = caplog.records
        assert record.levelname == "ERROR"
        assert "perpkit-venue.json" in record.message

    def test_closed_ones_keep_nothing_running(self, mode, command, tmp_path, trade_database):
        mark(tmp_path / "data", "synthetic market, seed 1")
        open_trade(tmp_path, close_rate=52_000)
        with pytest.raises(RehearsalError):
            check(loaded(tmp_path, mode), {}, command)


def test_a_rehearsal_marks_its_database_with_its_mode(tmp_path):
    check(loaded(tmp_path, RunMode.LIVE, venue=True), {}, "trade")
    assert content(f"sqlite:///{tmp_path}/trades.sqlite").mode == "live"
    with pytest.raises(RehearsalError, match="in the mode live, and this is dry-run"):
        check(loaded(tmp_path, RunMode.DRY_RUN, venue=True), {}, "trade")
    with pytest.raises(RehearsalError, match="trades of rehearsals"):
        check(loaded(tmp_path, RunMode.LIVE), {}, "trade")


UNVERIFIED = "Unverified HTTPS request is being made to host '{}'. Adding certificate verification"


@pytest.mark.parametrize(
    ("host", "warned"),
    [
        ("127.0.0.1", False),
        ("127.1.2.3", False),
        ("localhost", False),
        ("::1", False),
        ("fapi.binance.com", True),
        ("127.0.0.1.example.org", True),
        ("10.0.0.1", True),
    ],
)
def test_only_for_the_loopback_an_unknown_certificate_is_not_warned_of(tmp_path, host, warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(loaded(tmp_path, RunMode.DRY_RUN, venue=True), {}, "trade")
        warnings.warn(UNVERIFIED.format(host), InsecureRequestWarning, stacklevel=1)
    assert [w.category for w in caught] == [InsecureRequestWarning] * warned

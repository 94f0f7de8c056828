"""The breakers in docs/plugins.md, as a reader would take them from there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException
from freqtrade.persistence import PairLocks
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.watching.protection import Watched
from perpkit.bot.watching.sources import Sources
from perpkit.bot.watching.watch import Watch
from perpkit.ops.new.kinds import PluginKind
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "plugins.md").read_text()
BLOCKS = {
    name: block
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for name in re.findall(r"^class (\w+)\((?:WatchedProtection|CandleBreaker)", block, re.M)
}
PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


class Whitelist:
    """In place of Freqtrade's data provider."""

    def current_whitelist(self) -> list[str]:
        return PAIRS

    def send_msg(self, text: str, *, always_send: bool = False) -> None: ...


@pytest.fixture
def config(default_futures_config) -> dict[str, Any]:
    folder = default_futures_config["user_data_dir"] / "protections"
    folder.mkdir()
    for name, block in BLOCKS.items():
        (folder / f"{name}.py").write_text(block)
    return {**default_futures_config, "enable_protections": True}


def load(config, **parameters):
    entry = {"method": "WeekendBreaker", **parameters}
    return ProtectionResolver.load_protection("WeekendBreaker", config, Watched(entry))


def test_the_page_has_one_of_each_kind():
    assert set(BLOCKS) == {"WeekendBreaker", "WideHours"}


def test_the_one_over_candles_is_what_the_command_writes(tmp_path):
    source, _ = PluginKind.PROTECTION.files("WideHours", tmp_path).values()
    assert BLOCKS["WideHours"] == source


@pytest.mark.parametrize(
    ("hour", "parameters", "until"),
    [
        (4 * 24 + 20.9, {}, None),
        (4 * 24 + 21, {}, 6 * 24 + 21),
        (6 * 24 + 20.9, {}, 6 * 24 + 21),
        (6 * 24 + 21, {}, None),
        (4 * 24 + 18, {"friday_hour": 18}, 6 * 24 + 21),
        (6 * 24 + 3, {"sunday_hour": 3}, None),
    ],
)
def test_when_the_weekend_is(config, hour, parameters, until):
    breaker = load(config, **parameters)
    now = MONDAY + hour * HOUR
    found = breaker.evaluate(Sources(config, None), now)
    assert [one.release for one in found] == ([MONDAY + until * HOUR] if until else [])
    assert not (found and breaker.quiet_until(Sources(config, None), now) > now)


def test_it_is_driven_by_the_watch_and_its_locks_are_freqtrades(
    config, trade_database, monkeypatch
):
    entry = {"method": "WeekendBreaker"}
    live = {**config, "runmode": RunMode.DRY_RUN}
    monkeypatch.setattr(PairLocks, "timeframe", "1h")
    watch = Watch(live, Whitelist(), lambda: [entry])
    watch.step(MONDAY + 100 * HOUR)
    assert not watch.decision(PAIRS[0], "long").entries_blocked
    watch.step(MONDAY + 120 * HOUR)
    assert watch.decision(PAIRS[0], "long").entries_blocked
    (lock,) = PairLocks.get_pair_locks("*", MONDAY + 120 * HOUR)
    assert lock.reason == "WeekendBreaker reducing: the weekend"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"friday_hour": 24}, "friday_hour must be a whole number from 0 to 23, got 24"),
        ({"saturday_hour": 1}, "unknown parameter 'saturday_hour'. Allowed: friday_hour, sunday"),
    ],
)
def test_its_parameters_are_checked(config, parameters, message):
    with pytest.raises(OperationalException, match=f"WeekendBreaker: {message}"):
        load(config, **parameters)


def test_its_description_has_its_figures(config):
    assert "Friday 18:00 to Sunday 21:00 UTC" in load(config, friday_hour=18).short_desc()

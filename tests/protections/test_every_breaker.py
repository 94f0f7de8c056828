"""What holds for every breaker that is found: ours, and those in a `user_data` of the working
directory. With default parameters, in a market in which everything happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
import typer
from freqtrade.enums import CandleType, RunMode
from freqtrade.exceptions import ConfigurationError, OperationalException, TemporaryError
from freqtrade.persistence import PairLocks, Trade, disable_database_use, enable_database_use
from typer.testing import CliRunner

from perpkit.bot.candles.candles import StoredCandles
from perpkit.bot.loading.plugins import own_folder
from perpkit.bot.watching.candle_breaker import CandleBreaker
from perpkit.bot.watching.found import breakers
from perpkit.bot.watching.protection import AWAKE, Watched, WatchedProtection
from perpkit.bot.watching.watch import Watch
from perpkit.ops import replay
from tests.bench.wild_market import BTC, END, HOUR, HOURS, PAIRS, XRP, Market, wild_market
from tests.bench.wrong_values import WRONG, could_be, said
from tests.factories import START

KINDS = breakers()
OURS = sorted(Path(own_folder("protections") or "").glob("*.py"))
# Those of trades, or of a calendar, are in tests/integration/test_replays.py.
REPLAYED = [
    name for name, kind in KINDS.items() if kind.REPLAYS and issubclass(kind, CandleBreaker)
]
LIMITS = [(name, limits) for name, kind in KINDS.items() for limits in kind.LIMITS]
FEWER_FROM = 900  # the hour from which one pair less is traded
# The types of parameters that stand in no dataclass.
BESIDE: dict[str, Any] = {
    "backtest_clear_hours": float,
    "basket": list | dict,
    "book_seconds": float,
    "dvol": bool,
    "dvol_url": str,
    "maintenance_file": str | None,
    "market_pair": str | None,
    "pair": str,
    "timeframe": str,
}

app = typer.Typer()
app.add_typer(replay.breakers, name="breakers")


@pytest.fixture(scope="module")
def market() -> Market:
    return wild_market()


@pytest.fixture(scope="module")
def datadir(market: Market, tmp_path_factory) -> Path:
    return market.write(tmp_path_factory.mktemp("wild"))


@pytest.fixture
def config(default_futures_config, datadir) -> dict[str, Any]:
    user_data = Path("user_data").resolve()
    own = {"user_data_dir": user_data} if user_data.is_dir() else {}
    return {**default_futures_config, "datadir": datadir, "enable_protections": True, **own}


@pytest.fixture(autouse=True)
def backtest(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(WatchedProtection, "driven_at", None)
    disable_database_use("1h")
    PairLocks.reset_locks()
    Trade.reset_trades()
    yield
    PairLocks.reset_locks()
    Trade.reset_trades()
    enable_database_use()


class Whitelist(list):
    """In place of Freqtrade's data provider."""

    def current_whitelist(self) -> list[str]:
        return list(self)

    def send_msg(self, text: str, *, always_send: bool = False) -> None: ...


def load(config: dict[str, Any], name: str, **parameters: Any) -> WatchedProtection:
    return KINDS[name](config, Watched({"method": name, **parameters}))


def run(config: dict[str, Any], name: str, *, awake: bool = False, fewer_from: int = HOURS):
    """A backtest of the breaker alone, hour by hour; one pair less from some hour on.

    :param awake: it is looked at every hour
    :return: by hour the restrictions, the breakers that were looked at, and until when the breaker
        would be quiet
    """
    pairs = Whitelist(PAIRS)
    simulated = {**config, "runmode": RunMode.BACKTEST}
    watch = Watch(simulated, pairs, lambda: [{"method": name}], candles=StoredCandles(simulated))
    hours = []
    for hour in range(1, HOURS + 1):
        if hour == fewer_from:
            pairs[:] = [BTC, XRP]
        now = START + hour * HOUR
        [breaker] = watch._watched()
        if awake:
            breaker.asleep_until = AWAKE
        looked = now >= breaker.asleep_until
        watch.step(now)
        hours.append(
            SimpleNamespace(
                now=now,
                restrictions=dict(watch.restrictions),
                looked=looked,
                asleep_until=breaker.asleep_until,
            )
        )
    assert not watch._failed
    return hours


def effects(hour):
    return {
        key: (decision.trading, decision.size_factor, decision.max_leverage)
        for key, decision in hour.restrictions.items()
    }


@pytest.mark.parametrize("name", KINDS)
def test_it_locks_asleep_what_it_locks_awake(name, config):
    asleep = run(config, name, fewer_from=FEWER_FROM)
    locks = [lock.to_json() for lock in PairLocks.locks]
    PairLocks.reset_locks()
    awake = run(config, name, awake=True, fewer_from=FEWER_FROM)
    # Asleep, the figures in its reason stay those of when it was last asked.
    assert [effects(one) for one in asleep] == [effects(one) for one in awake]
    assert locks == [lock.to_json() for lock in PairLocks.locks]
    # Whenever it is asked, it restricts the same for as long as it says.
    until, stands = AWAKE, {}
    for number, one in enumerate(awake, 1):
        until = AWAKE if number == FEWER_FROM else until  # another whitelist wakes it
        assert one.now >= until or effects(one) == stands
        until, stands = max(until, one.asleep_until), effects(one)
    if name in REPLAYED:
        assert any(one.restrictions for one in awake)
        assert sum(one.looked for one in asleep) < 0.7 * HOURS


@pytest.mark.parametrize("name", REPLAYED)
def test_it_replays_as_it_locks(name, config, datadir):
    run(config, name)
    locked = {
        (lock.pair, lock.side, lock.lock_time + n * HOUR)
        for lock in PairLocks.locks
        for n in range(int((lock.lock_end_time_utc - lock.lock_time) / HOUR))
    }
    command = ["breakers", "replay", "--datadir", str(datadir), "--breaker", name, "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    stretches = json.loads(result.stdout)["intervals"]
    first, last = (datetime.fromisoformat(stretches[n]["from"]) for n in (0, -1))
    replayed = {
        (stretch["pair"], stretch["side"], at)
        for stretch in stretches
        if stretch["level"] != "active"
        for at in hours_of(stretch["from"], stretch["until"])
    }
    assert len(stretches) > 2
    within = {at for at in everywhere(locked) if first <= at[2] < last}
    assert within == {at for at in everywhere(replayed) if first <= at[2] < last}


def hours_of(begin: str, end: str) -> list[datetime]:
    start, stop = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    return [start + n * HOUR for n in range(int((stop - start) / HOUR))]


def everywhere(blocked: set[tuple[str, str, datetime]]) -> set[tuple[str, str, datetime]]:
    """What is blocked of each pair and side."""
    return {
        (one, each, at)
        for pair, side, at in blocked
        for one in (PAIRS if pair == "*" else [pair])
        for each in (("long", "short") if side == "*" else [side])
    }


@pytest.mark.parametrize("name", REPLAYED)
@pytest.mark.parametrize("change", [Market.without_what_follows, Market.shocked_after])
def test_what_follows_changes_nothing(name, change, config, market, tmp_path):
    known = run(config, name, awake=True)
    for number, hour in enumerate((901, 1111, 1260)):
        moment = START + hour * HOUR
        other = change(market, moment).write(tmp_path / str(number))
        seen = run({**config, "datadir": other}, name, awake=True)
        assert [one.restrictions for one in seen[:hour]] == [
            one.restrictions for one in known[:hour]
        ]


class Nothing:
    """A feed, and a data provider, that has nothing to give, or fails."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def current_whitelist(self) -> list[str]:
        return list(PAIRS)

    def send_msg(self, text: str, *, always_send: bool = False) -> None: ...

    def history(self, *_: Any) -> Any:
        if self.error is not None:
            raise self.error
        return wild_market().candles[BTC][:0]

    def __getattr__(self, name: str) -> Any:
        raise self.error or LookupError(name)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "error", [TemporaryError("timed out"), OSError("bad file"), ValueError("damaged")], ids=repr
)
def test_what_it_cannot_read_blocks_entries(name, error, config, trade_database, monkeypatch):
    enable_database_use()
    monkeypatch.setattr(PairLocks, "timeframe", "1h")
    broken: Any = Nothing(error)
    watch = Watch(config, broken, lambda: [{"method": name}], candles=broken)
    watch.step(END)
    for pair in PAIRS:
        for side in ("long", "short"):
            assert watch.decision(pair, side).entries_blocked


@pytest.mark.parametrize("name", KINDS)
def test_it_names_the_candles_that_it_reads(name, config):
    """Freqtrade keeps those current in a running bot, and no others."""
    simulated = {**config, "runmode": RunMode.BACKTEST}
    feed, pairs = StoredCandles(simulated), Whitelist(PAIRS)
    watch = Watch(simulated, pairs, lambda: [{"method": name}], candles=feed)
    watch.step(END)
    [breaker] = watch._watched()
    read = {(p, frame) for p, frame, kind in feed._loaded if kind is CandleType.FUTURES}
    assert read == set(breaker.informative_pairs(PAIRS))


@pytest.mark.parametrize("name", KINDS)
def test_without_the_candles_it_names_nothing_is_entered(
    name, config, trade_database, monkeypatch, tmp_path
):
    """A backtest does not start; a running bot enters nothing."""
    if not load(config, name).informative_pairs(PAIRS):
        pytest.skip("it names none")
    empty = {**config, "datadir": tmp_path, "runmode": RunMode.BACKTEST}
    if load(config, name).informative_pairs(()):
        none: Any = Whitelist(PAIRS)
        with pytest.raises(OperationalException, match=r"The breakers need .* candles of "):
            Watch(empty, none, lambda: [{"method": name}]).require_candles()
    enable_database_use()
    monkeypatch.setattr(PairLocks, "timeframe", "1h")
    nothing: Any = Nothing(None)
    watch = Watch(config, nothing, lambda: [{"method": name}], candles=nothing)
    watch.step(END)
    assert all(watch.decision(pair).entries_blocked for pair in PAIRS)


def others(value: Any) -> list[Any]:
    """Values of the same kind."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    return [value + 1, value - 1, value * 0.9, value * 1.1]


@pytest.mark.parametrize("name", KINDS)
def test_its_description_names_it_and_its_figures(name, config):
    said = load(config, name).short_desc()
    assert said.startswith(f"{name} - ")
    assert "\n" not in said
    changed = set()
    for limits in KINDS[name].LIMITS:
        for field in fields(limits):
            if field.name in KINDS[name].parameters():
                for value in others(getattr(limits(), field.name)):
                    try:
                        changed.add(load(config, name, **{field.name: value}).short_desc())
                    except OperationalException:
                        continue
    assert changed - {said}


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.DRY_RUN])
@pytest.mark.parametrize("name", KINDS)
def test_a_wrong_value_is_one_error_that_names_the_parameter(name, runmode, config):
    """What has the right type may be taken, and nothing else is."""
    kind = KINDS[name]
    hints = {key: hint for limits in kind.LIMITS for key, hint in get_type_hints(limits).items()}
    config = {**config, "runmode": runmode}
    for parameter, value in product(sorted(kind.parameters()), WRONG):
        message = said(lambda given={parameter: value}: load(config, name, **given))
        where = (parameter, value, message)
        hint = BESIDE.get(parameter, Any) if parameter in kind.BESIDE else hints[parameter]
        if message is None:
            # What stands in no dataclass has no type to compare with; an object is none of them.
            assert not isinstance(value, type) if hint is Any else could_be(hint, value), where
        elif hint is Any or not could_be(hint, value):
            assert message.startswith(f"{name}: "), where
            assert parameter in message, where


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_ours_have_a_line_in_the_pages(path):
    page = (path.parents[1] / "docs" / "breakers.md").read_text()
    assert f"\n| `{path.stem}` | " in page


@pytest.mark.parametrize("name", KINDS)
def test_an_unknown_parameter_is_refused_by_name(name, config):
    with pytest.raises(ConfigurationError, match=f"^{name}: unknown parameter 'no_such'"):
        load(config, name, no_such=1)


@pytest.mark.parametrize(("name", "limits"), LIMITS)
def test_its_limits_can_be_made_and_replaced(name, limits):
    assert replace(limits()) == limits()

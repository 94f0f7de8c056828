"""Replays breakers on stored candles: the watch evaluates them at each, as in a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.breakers.stretches import Stretch, stretches
from perpkit.market.exchanges import DEFAULT_EXCHANGE
from perpkit.ops.stored import BadInputError, load_candles, parse_timerange, stored_pairs

# pandas and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.bot.candles.candles import CandleFeed
    from perpkit.bot.positions.exported_trades import ExportedTrades
    from perpkit.bot.watching.protection import WatchedProtection
    from perpkit.breakers.breaker import Decision


@dataclass(frozen=True)
class Stored:
    """The stored candles to replay.

    :param pair: the market to watch and to draw; by default each breaker's own, and BTC's
    """

    datadir: Path
    data_format: str
    pair: str | None
    timerange: str
    userdir: Path

    @property
    def shown_pair(self) -> str:
        return self.pair or "BTC/USDT:USDT"

    def ends(self) -> tuple[datetime | None, datetime | None]:
        return parse_timerange(self.timerange)

    def candles(self, pair: str, stop: datetime | None, timeframe: str = "1h") -> DataFrame:
        return load_candles(self.datadir, pair, self.data_format, stop, timeframe)

    def config(self, pairs: Sequence[str], timeframe: str, timerange: str) -> dict[str, Any]:
        """Returns the configuration of a backtest on these data."""
        from freqtrade.enums import CandleType, RunMode

        return {
            "user_data_dir": self.userdir,
            "datadir": self.datadir,
            "dataformat_ohlcv": self.data_format,
            "runmode": RunMode.BACKTEST,
            "enable_protections": True,
            "trading_mode": "futures",
            "candle_type_def": CandleType.FUTURES,
            "stake_currency": pairs[0].split("/")[1].split(":")[0],
            "dry_run_wallet": 1000.0,
            "timeframe": timeframe,
            "timerange": timerange,
            "exchange": {"name": DEFAULT_EXCHANGE, "pair_whitelist": list(pairs)},
        }


@dataclass(frozen=True)
class Run:
    """What a replay repeats: a backtest, or one that could be made of the stored candles.

    :param config: of that backtest
    :param start: the first candle at whose beginning breakers are evaluated
    :param stop: the end of the last such candle
    :param pair: the market that is watched by breakers which watch one; None for their own
    :param trades: of the backtest
    """

    config: dict[str, Any]
    start: datetime
    stop: datetime
    pair: str | None
    trades: Sequence[Mapping[str, Any]] = ()

    @property
    def timeframe(self) -> str:
        timeframe: str = self.config["timeframe"]
        return timeframe

    @property
    def step(self) -> timedelta:
        from freqtrade.exchange import timeframe_to_seconds

        return timedelta(seconds=timeframe_to_seconds(self.timeframe))

    def breakers(
        self,
        chosen: Mapping[str, type[WatchedProtection]],
        settings: Mapping[str, Mapping[str, Any]],
    ) -> list[WatchedProtection]:
        """:raises BadInputError: if a breaker refuses its parameters"""
        return [self._made(kind, settings.get(name, {})) for name, kind in chosen.items()]

    def _made(
        self, kind: type[WatchedProtection], parameters: Mapping[str, Any]
    ) -> WatchedProtection:
        from freqtrade.exceptions import OperationalException

        if unknown := sorted(parameters.keys() - kind.parameters()):
            raise BadInputError(
                f"{kind.__name__}: unknown parameter {unknown[0]!r}. Allowed: "
                f"{', '.join(sorted(kind.parameters()))}."
            )
        given = {"method": kind.__name__, **parameters}
        watches_one = "pair" in kind.parameters() and not parameters.keys() & {"pair", "basket"}
        if watches_one and self.pair is not None:
            given["pair"] = self.pair
        try:
            return kind(self.config, given)
        except OperationalException as error:
            raise BadInputError(str(error)) from error
        except (TypeError, ValueError) as error:
            raise BadInputError(f"{kind.__name__}: {error}") from error


def stored_run(stored: Stored, start: datetime, stop: datetime) -> Run:
    """Returns a run over every hour from `start`, before `stop`, of all stored pairs.

    :raises BadInputError: if there are no candles
    """
    pairs = stored_pairs(stored.datadir, stored.data_format)
    if not pairs:
        raise BadInputError(f"datadir must hold 1h futures candles, got {stored.datadir}")
    config = stored.config(pairs, "1h", f"-{int(stop.timestamp())}")
    return Run(config, start, stop, stored.shown_pair)


@dataclass(frozen=True)
class Exported:
    """An exported backtest.

    :param strategy: which one of the export; may be None if there is only one
    """

    path: Path
    strategy: str | None

    def run(self, stored: Stored) -> Run:
        """Returns its run: the same pairs, candles and trades.

        :raises BadInputError: if the file is not an export, or its candles are not stored
        """
        from freqtrade.exchange import timeframe_to_seconds

        from perpkit.research.marked import load_export, load_exported_config

        stats = load_export(self.path, self.strategy)
        trades: list[dict[str, Any]] = stats["trades"]
        timeframe = stats.get("timeframe") or "1h"
        pairs = stats.get("pairlist") or sorted({trade["pair"] for trade in trades})
        if not pairs:
            raise BadInputError(f"export must have a pair, got {self.path}")
        for pair in sorted({trade["pair"] for trade in trades}):
            stored.candles(pair, None, timeframe)
        config = {
            **stored.config(pairs, timeframe, stats.get("timerange") or ""),
            "dry_run_wallet": stats["starting_balance"],
            "timeframe_detail": stats.get("timeframe_detail") or "",
            "trading_mode": stats.get("trading_mode") or "futures",
        }
        config["stake_currency"] = stats.get("stake_currency") or config["stake_currency"]
        capital = load_exported_config(self.path).get("available_capital")
        if capital is not None:
            config["available_capital"] = capital
        step = timedelta(seconds=timeframe_to_seconds(timeframe))
        first, last = (
            datetime.fromisoformat(stats[name]).replace(tzinfo=UTC)
            for name in ("backtest_start", "backtest_end")
        )
        # A backtest begins with the second candle, and processes the last one, too.
        return Run(config, first + step, last + step, stored.pair, trades)


@dataclass(frozen=True)
class Replayed:
    """What breakers would have done.

    :param stretches: in the order of their starts
    :param locks: that a backtest would have set, as Freqtrade exports them
    :param unlike: pairs whose funding could not be recomputed from the stored rates and marks
    """

    stretches: list[Stretch]
    locks: list[dict[str, Any]]
    unlike: list[str]


def replay(run: Run, breakers: Sequence[WatchedProtection]) -> Replayed:
    """Evaluates breakers at every candle of a run, from its beginning to its end."""
    from freqtrade.persistence import PairLocks

    with _in_memory(run.timeframe):
        watch, feed = _watch(run, breakers)
        trades = _trades(run, feed)
        moments: list[tuple[datetime, Mapping[Any, Decision]]] = []
        now = run.start
        while now < run.stop:
            if trades is not None:
                trades.advance(now - run.step, now)
            watch.step(now)
            found = watch.restrictions
            if found or (moments and moments[-1][1]):
                moments.append((now, found))
            now += run.step
        locks = [lock.to_json() for lock in PairLocks.get_all_locks()]
    every: list[Stretch] = []
    for breaker in breakers:
        own = (
            (at, [d for (name, *_), d in found.items() if name == breaker.name])
            for at, found in moments
        )
        every += stretches(breaker.name, own, run.stop)
    every.sort(key=lambda stretch: stretch.start)
    return Replayed(every, locks, [] if trades is None else sorted(trades.unlike))


def _watch(run: Run, breakers: Sequence[WatchedProtection]) -> tuple[Any, CandleFeed]:
    from freqtrade.data.dataprovider import DataProvider

    from perpkit.bot.candles.candles import StoredCandles
    from perpkit.bot.watching.watch import Watch

    class Provider(DataProvider):
        """Of a run whose pairs are known."""

        def current_whitelist(self) -> list[str]:
            return list(run.config["exchange"]["pair_whitelist"])

    feed = StoredCandles(run.config)
    provider = Provider(run.config, None)
    return Watch(run.config, provider, list, candles=feed, breakers=breakers), feed


def _trades(run: Run, feed: CandleFeed) -> ExportedTrades | None:
    from freqtrade.enums import TradingMode

    from perpkit.bot.positions.exported_trades import ExportedTrades

    if not run.trades:
        return None
    mode, detail = TradingMode(run.config["trading_mode"]), run.config["timeframe_detail"]
    return ExportedTrades(run.trades, run.timeframe, feed, detail, mode)


@contextmanager
def _in_memory(timeframe: str) -> Iterator[None]:
    """Freqtrade's trades and locks of a backtest, empty before and after."""
    from freqtrade.persistence import PairLocks, Trade
    from freqtrade.persistence.usedb_context import disable_database_use, enable_database_use

    from perpkit.bot.watching.protection import WatchedProtection

    def forget() -> None:
        Trade.reset_trades()
        PairLocks.reset_locks()
        WatchedProtection.driven_at = None

    disable_database_use(timeframe)
    forget()
    try:
        yield
    finally:
        forget()
        enable_database_use()

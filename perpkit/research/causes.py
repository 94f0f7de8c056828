"""Why a bot made something else than its backtest, trade by trade.

The difference of two twins is split without a rest: size first, then the prices of entry and exit,
fees, and funding. Of a trade that only one of them made, all of its profit is the difference, and
the cause is what kept the other one from it, as far as locks and the decision log say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from perpkit.execution.book import BPS
from perpkit.market.times import opening
from perpkit.record.decisions import Decision, Kind
from perpkit.research.results import Results
from perpkit.research.stress.order import PairCandles
from perpkit.research.trades import Trade, TradeFill
from perpkit.research.twins import Twins

# Below it an effect is dust: a fraction of the value that was entered.
_DUST = 2.5e-5
# A fill in dry-run is of the order book, a little beside what was traded.
_OUTSIDE = 0.001
_OTHER_SIZE = 0.005
# Of amounts that are shown, where the stake is of a coin worth more than some dollars; else 2.
_DECIMALS = {"BTC": 8, "ETH": 6, "BNB": 5}
_STOPS = frozenset({"stop_loss", "trailing_stop_loss", "stoploss_on_exchange"})
# Codes of the decision log that mean a lock.
_LOCKS = frozenset({"lock", "breaker", "latch", "loss", "passive", "paused"})


def decimals(currency: str) -> int:
    """Returns with how many decimals amounts of a stake currency are shown."""
    return _DECIMALS.get(currency, 2)


class Cause(StrEnum):
    LOCK = "lock"
    SLOTS = "no free slot"
    REFUSED = "refused"
    UNFILLED = "entry not filled"
    HELD = "position still open"
    SIGNAL = "missed signal"
    EXTRA = "signal only live"
    SIZE = "size"
    FILL = "fill price"
    STOP = "stop seen late"
    EXIT = "another exit"
    FEE = "fee"
    FUNDING = "funding"
    DATA = "data revised"
    OPEN = "not closed in both"


@dataclass(frozen=True)
class Effect:
    """
    :param amount: what the bot made more because of it, in stake currency
    :param text: the figures
    """

    cause: Cause
    amount: float
    text: str


@dataclass(frozen=True)
class Explained:
    twins: Twins
    effects: tuple[Effect, ...]

    @property
    def main(self) -> Effect | None:
        """What changed the most; None if nothing did."""
        return max(self.effects, key=lambda one: abs(one.amount), default=None)


class Causes:
    """What is known around the trades of a bot and of its backtest.

    :param candles: stored ones, by pair
    :param step: length of a candle, s
    """

    def __init__(
        self, live: Results, backtest: Results, candles: Mapping[str, PairCandles], step: float
    ) -> None:
        self._live, self._backtest = live, backtest
        self._candles, self._step = candles, step

    def of(self, twins: Twins) -> Explained:
        """Returns the difference of two twins by its causes, the greatest first."""
        if twins.live is None or twins.backtest is None:
            effects = [self._alone(twins)]
        else:
            effects = [*self._between(twins.live, twins.backtest)]
        ordered = sorted(effects, key=lambda one: -abs(one.amount))
        return Explained(twins, tuple(ordered))

    def _alone(self, twins: Twins) -> Effect:
        cause, text = self._why_only_live(twins.live) if twins.live else self._why_missed(twins.one)
        return Effect(cause, twins.difference, text)

    def _why_missed(self, trade: Trade) -> tuple[Cause, str]:
        """Why the bot has not made a trade of the backtest."""
        for decision in self._noted(trade):
            if decision.kind is Kind.REFUSED:
                if decision.reason in _LOCKS:
                    return Cause.LOCK, decision.text
                if decision.reason == "slots":
                    return Cause.SLOTS, decision.text
                return Cause.REFUSED, decision.text
            if decision.kind is Kind.WITHDRAWN:
                return Cause.UNFILLED, decision.text
        return self._why_not(self._live, trade) or (
            Cause.SIGNAL,
            next((d.text for d in self._noted(trade) if d.kind is Kind.QUIET), "no entry"),
        )

    def _why_only_live(self, trade: Trade) -> tuple[Cause, str]:
        """Why the backtest has not made a trade of the bot."""
        if said := self._outside(trade, trade.fills[:1]):
            return Cause.DATA, said
        found = self._why_not(self._backtest, trade)
        return found or (Cause.EXTRA, "the backtest has no entry")

    def _why_not(self, results: Results, trade: Trade) -> tuple[Cause, str] | None:
        """What kept a run from a trade, by its locks and what it held."""
        # A signal is acted on during the candle that follows it.
        moments = (trade.opened, opening(trade.opened, self._step))
        for lock in results.locks:
            if any(lock.holds(trade.pair, trade.side, at) for at in moments):
                return Cause.LOCK, lock.reason or lock.source
        held = [t for t in results.trades if _is_open(t, trade.opened)]
        if any(other.pair == trade.pair for other in held):
            return Cause.HELD, "of another trade"
        slots = self._backtest.config.get("max_open_trades")
        if isinstance(slots, int | float) and 0 < slots <= len(held):
            return Cause.SLOTS, f"{len(held)} of {slots:g} are open"
        return None

    def _noted(self, trade: Trade) -> Iterator[Decision]:
        """Yields what the bot noted of such an entry in its candle, oldest first."""
        begin = opening(trade.opened, self._step)
        for decision in self._live.decisions:
            same = decision.pair in ("*", trade.pair) and decision.side in ("*", trade.side)
            ends, starts = decision.at.timestamp(), decision.begins.timestamp()
            if same and starts < begin + self._step and ends >= begin:
                yield decision

    def _between(self, live: Trade, backtest: Trade) -> Iterator[Effect]:
        bought = [sum(f.amount for f in t.fills if f.is_entry) for t in (live, backtest)]
        ratio, digits = bought[0] / bought[1], decimals(self._live.stake_currency)
        if live.closed is None or backtest.closed is None:
            which = "the bot's" if live.closed is None else "the backtest's"
            yield Effect(Cause.OPEN, live.profit - backtest.profit, f"{which} is open")
            return
        effects = [
            Effect(Cause.SIZE, (ratio - 1) * backtest.profit, f"{ratio:.1%} of the backtest's"),
            *self._prices(live, backtest, ratio, bought[0]),
            Effect(
                Cause.FEE,
                ratio * backtest.fees - live.fees,
                f"{_fee(live):.2f} bps a side, not {_fee(backtest):.2f}",
            ),
            Effect(
                Cause.FUNDING,
                live.funding - ratio * backtest.funding,
                f"{live.funding:+,.{digits}f}, not {ratio * backtest.funding:+,.{digits}f}",
            ),
        ]
        dust = _DUST * bought[0] * live.entry_rate
        for effect in effects:
            other_size = effect.cause is Cause.SIZE and abs(ratio - 1) > _OTHER_SIZE
            if abs(effect.amount) >= dust or other_size:
                yield effect

    def _prices(
        self, live: Trade, backtest: Trade, ratio: float, amount: float
    ) -> Iterator[Effect]:
        way = -1 if live.is_short else 1
        whole = _by_price(live) - ratio * _by_price(backtest)
        entry = way * amount * (backtest.entry_rate - live.entry_rate)
        worse = way * (live.entry_rate / backtest.entry_rate - 1) * BPS
        said = self._outside(live, [fill for fill in live.fills if fill.is_entry])
        cause = Cause.DATA if said else Cause.FILL
        yield Effect(cause, entry, said or f"entry {worse:+.1f} bps worse")
        yield Effect(*self._exit(live, backtest, whole - entry))

    def _exit(self, live: Trade, backtest: Trade, amount: float) -> tuple[Cause, float, str]:
        exits = [fill for fill in live.fills if not fill.is_entry]
        if said := self._outside(live, exits):
            return Cause.DATA, amount, said
        assert live.closed is not None
        assert backtest.closed is not None
        ends = [opening(closed, self._step) for closed in (live.closed, backtest.closed)]
        candles = (ends[0] - ends[1]) / self._step
        by_stop = backtest.exit_reason in _STOPS
        at_exchange = live.exit_reason == "stoploss_on_exchange"
        if by_stop and (candles > 0 or (candles == 0 and not at_exchange and amount < 0)):
            late = f"{candles:g} candles late, " if candles else ""
            return Cause.STOP, amount, f"{late}by {live.exit_reason}"
        if candles == 0:
            way = -1 if live.is_short else 1
            rates = [_exit_rate(trade) for trade in (live, backtest)]
            worse = way * (1 - rates[0] / rates[1]) * BPS
            return Cause.FILL, amount, f"exit {worse:+.1f} bps worse"
        if backtest.exit_reason == "force_exit" and backtest.closed >= self._backtest.end:
            return Cause.OPEN, amount, "the backtest ended"
        when = "later" if candles > 0 else "earlier"
        text = f"{live.exit_reason}, {abs(candles):g} candles {when} than {backtest.exit_reason}"
        return Cause.EXIT, amount, text

    def _outside(self, trade: Trade, fills: Sequence[TradeFill]) -> str:
        """Says which fill is at a price that the stored candle does not have; else nothing.

        What fills is a trade of the market, so that its candle had this price at the time.
        """
        candles = self._candles.get(trade.pair)
        for fill in fills:
            candle = None if candles is None else candles.at(fill.at)
            if candle is None:
                continue
            if not candle.low * (1 - _OUTSIDE) <= fill.rate <= candle.high * (1 + _OUTSIDE):
                return (
                    f"filled at {fill.rate:,.6g}, the stored candle has {candle.low:,.6g} to "
                    f"{candle.high:,.6g}"
                )
        return ""


def _is_open(trade: Trade, at: float) -> bool:
    return trade.opened < at and (trade.closed is None or trade.closed > at)


def _by_price(trade: Trade) -> float:
    return trade.profit + trade.fees - trade.funding


def _fee(trade: Trade) -> float:
    value = sum(fill.amount * fill.rate for fill in trade.fills)
    return trade.fees / value * BPS if value else 0.0


def _exit_rate(trade: Trade) -> float:
    exits = [fill for fill in trade.fills if not fill.is_entry]
    return sum(f.amount * f.rate for f in exits) / sum(f.amount for f in exits)

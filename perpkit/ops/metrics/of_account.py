"""Metrics of the account and its positions, in stake currency where no unit is named."""

from __future__ import annotations

from collections.abc import Callable

from perpkit.ops.metrics.metric import Metric, Values, one, seconds
from perpkit.record.state import State
from perpkit.record.state_holdings import Account, Position

_PAIR = ("pair", "side")


def _account(name: str, text: str, figure: Callable[[Account], float | None]) -> Metric:
    def values(state: State, _now: object) -> Values:
        return one(figure(state.account)) if state.account else ()

    return Metric(f"perpkit_account_{name}", text, values, part="account")


def _position(name: str, text: str, figure: Callable[[Position], float | None]) -> Metric:
    def values(state: State, _now: object) -> Values:
        return [((each.pair, each.side), figure(each)) for each in state.positions or ()]

    return Metric(f"perpkit_position_{name}", text, values, part="positions", labels=_PAIR)


METRICS = (
    _account("equity", "Capital and all profit, marked to market.", lambda a: a.equity),
    _account("peak_equity", "Highest equity that the drawdown breaker knows.", lambda a: a.peak),
    _account("drawdown_ratio", "Share of the highest equity that is lost.", lambda a: a.drawdown),
    _account("unrealised_profit", "Of open positions, after fees.", lambda a: a.unrealised),
    _account("gross_exposure", "Notional of longs plus shorts.", lambda a: a.gross),
    _account("net_exposure", "Notional of longs less shorts.", lambda a: a.net),
    _account("open_risk", "What all stops together would lose.", lambda a: a.open_risk),
    _account("funding", "Booked on open positions; negative: paid.", lambda a: a.funding),
    _account(
        "unexplained",
        "Change of the balance since the start of the bot that its trades do not explain.",
        lambda a: a.unexplained,
    ),
    Metric(
        "perpkit_positions",
        "Open positions.",
        lambda s, _: one(len(s.positions or ())),
        part="positions",
    ),
    Metric(
        "perpkit_stops_missing",
        "Open positions that stops do not cover.",
        lambda s, _: one(s.stops_missing),
        part="positions",
    ),
    Metric(
        "perpkit_open_entries",
        "Entry orders that are open.",
        lambda s, _: one(len(s.entries or ())),
        part="entries",
    ),
    _position("notional", "Value at the price of exits.", lambda p: p.notional),
    _position("unrealised_profit", "After the fees of both sides.", lambda p: p.unrealised),
    _position("at_risk", "What is lost from here on if the stop is hit.", lambda p: p.at_risk),
    _position("funding", "Booked on what is open; negative: paid.", lambda p: p.funding),
    _position("leverage", "Of the position.", lambda p: p.leverage),
    _position("price", "At which exits are checked.", lambda p: p.price),
    _position("mark_price", "The exchange's.", lambda p: p.mark_price),
    _position("stop_price", "Where the stop is meant to be.", lambda p: p.stop_price),
    _position("liquidation_price", "As the trade database has it.", lambda p: p.liquidation_price),
    _position("covered", "1 if stops cover all of it.", lambda p: float(p.covered)),
    _position(
        "stop_distance_ratio",
        "From price to stop, of the price.",
        lambda p: p.stop_distance,
    ),
    _position(
        "liquidation_distance_ratio",
        "From the mark price to the liquidation, of the mark price.",
        lambda p: p.liquidation_distance,
    ),
    _position("adl_rank", "In the queue of auto-deleveraging, 0 to 4.", lambda p: p.adl_rank),
    _position("opened_time_seconds", "When it was opened.", lambda p: seconds(p.opened_at)),
)

"""How each option that can override a strategy is judged; `perpkit.bot.layer.overrides` has the
table of them.

A rule looks at the merged value. It yields nothing where the value is simply honoured.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.verdicts import Attached, OfPackage, Outcome, Run, Verdict, refuse
from perpkit.bot.layer.warm_up import later, never
from perpkit.market.exchanges import BINANCE_ONLY, named
from perpkit.risk.leverage import WIDEST_STOP
from perpkit.risk.stops import NO_STOP, distance_of

GUARD = "perpkit.use.guard"

# The `order_types` that a guarded position needs, and why.
ORDER_TYPES = {
    "stoploss_on_exchange": (
        True,
        "stops would not be at the exchange, where the guard keeps them",
    ),
    "stoploss": ("market", "a price that runs past a limit leaves the position without a stop"),
    "emergency_exit": ("market", "a position without a stop has to leave at once"),
}
_GUARD_OFF = '; or switch the guard off: "perpkit": {"use": {"guard": false}}'

# The widest `stoploss` that each part can use, as a share of the margin, and why.
_WIDEST = {
    Part.LEVERAGE: (WIDEST_STOP, "no leverage keeps liquidation well beyond it"),
    Part.SIZING: (NO_STOP, "that is no stop to size by, for liquidation comes first"),
}


def _package(run: Run) -> OfPackage:
    if not isinstance(run.asks, OfPackage):
        raise TypeError(f"{run.strategy} is no strategy of the package")
    return run.asks


def _attached(run: Run) -> Attached:
    if not isinstance(run.asks, Attached):
        raise TypeError(f"{run.strategy} is a strategy of the package")
    return run.asks


def _noted(option: str, line: str) -> Verdict:
    return Verdict(option, Outcome.NOTED, line)


def _off(option: str, line: str) -> Verdict:
    return Verdict(option, Outcome.NOTED, line, off=True)


def minimal_roi(run: Run) -> Iterator[Verdict]:
    ours, lowest = _package(run), min(run.values["minimal_roi"].values(), default=inf)
    margin = ours.target * ours.max_leverage
    if lowest < margin:
        yield _noted(
            "minimal_roi",
            f"a trade is closed at {lowest:.1%} of the margin; the strategy's own target, "
            f"{ours.target:.1%} of the price, is {margin:.1%} at {ours.max_leverage:g}x, and the "
            "lower of the two counts",
        )


def timeframe(run: Run) -> Iterator[Verdict]:
    if why := _package(run).misfit:
        yield Verdict("timeframe", Outcome.REFUSED, why)
    else:
        yield _noted(
            "timeframe",
            'parameters and results of the strategy are of its own, and "startup_candle_count" '
            "counts candles of this one",
        )


def stoploss(run: Run) -> Iterator[Verdict]:
    ours, floor = _package(run), abs(run.values["stoploss"])
    line = (
        f"only a floor under the stop, which is set at the fill, {ours.stop:.1%} of the price away"
    )
    if floor < ours.stop * ours.max_leverage:
        line += (
            f". At {ours.max_leverage:g}x the floor is nearer, {floor / ours.max_leverage:.1%}, "
            "and can close a trade before its stop is set, or after a restart"
        )
    yield _noted("stoploss", line)


def trailing(run: Run) -> Iterator[Verdict]:
    names = ("trailing_stop", "trailing_stop_positive", "trailing_stop_positive_offset")
    for name in (*names, "trailing_only_offset_is_reached"):
        if run.values["trailing_stop"]:
            yield _noted(
                name,
                "Freqtrade trails beside the strategy's own trail, in shares of the margin, and "
                "the nearer stop counts",
            )
        elif name != "trailing_stop":
            yield Verdict(name, Outcome.HONOURED, 'no effect, as "trailing_stop" is false')


def use_custom_stoploss(run: Run) -> Iterator[Verdict]:
    if not run.values["use_custom_stoploss"]:
        floor = abs(run.values["stoploss"])
        yield refuse(
            "use_custom_stoploss",
            True,
            False,
            f'stops would stay at "stoploss" ({floor:.0%} of the margin), while sizes are made for '
            "a nearer one",
        )


def process_only_new_candles(run: Run) -> Iterator[Verdict]:
    if not run.values["process_only_new_candles"]:
        yield _noted(
            "process_only_new_candles",
            "every cycle computes the signals of all pairs, whether or not a candle has closed",
        )


def order_types(run: Run) -> Iterator[Verdict]:
    yield from _order_types(run, emergency=run.trading)
    if run.values["order_types"].get("entry") == "market":
        yield _noted(
            "order_types.entry",
            "entries pay the spread, and their price is not the strategy's",
        )


def _order_types(run: Run, *, emergency: bool) -> Iterator[Verdict]:
    for name, (needed, why) in ORDER_TYPES.items():
        value = run.values["order_types"].get(name, needed)
        of_guard, option = name != "emergency_exit", f"order_types.{name}"
        if value == needed:
            continue
        if run.guarded if of_guard else emergency:
            yield refuse(option, needed, value, why + (_GUARD_OFF if of_guard else ""))
        else:
            where = "live, with the stop guard," if of_guard else "in dry-run and live"
            yield _noted(option, f'"{option}" is refused {where} as {why}')


def order_time_in_force(run: Run) -> Iterator[Verdict]:
    for side in ("entry", "exit"):
        value = str(run.values["order_time_in_force"].get(side, "GTC")).upper()
        if value != "GTC":
            yield _noted(
                f"order_time_in_force.{side}",
                f"the exchange ends an {side} order that cannot do what {value} demands, and it is "
                "made again in a later cycle. Stops and urgent exits are at the market, without it",
            )


def startup_candle_count(run: Run) -> Iterator[Verdict]:
    if run.has is None:
        return
    for need, line in never(run.needs, run.has, run.timeframe):
        if need.vital and run.trading:
            yield Verdict("startup_candle_count", Outcome.REFUSED, line)
        else:
            prefix = "" if run.trading else "In dry-run and live it is otherwise: "
            yield Verdict("startup_candle_count", Outcome.NOTED, prefix + line, always=True)
    if run.trading:
        for _, line in later(run.needs, run.has, run.timeframe):
            yield Verdict("startup_candle_count", Outcome.NOTED, line, always=True)


def use_exit_signal(run: Run) -> Iterator[Verdict]:
    if not run.values["use_exit_signal"]:
        yield _off(
            "use_exit_signal",
            "use_exit_signal is false: exit signals, time stop and carry exits are off; halts and "
            "stops still work",
        )


def exit_profit(run: Run) -> Iterator[Verdict]:
    if run.values["exit_profit_only"]:
        yield _off(
            "exit_profit_only",
            "exit_profit_only is true: exit signals, time stop and carry exits of a losing trade "
            "are held back; halts and stops still work",
        )
        yield _noted("exit_profit_offset", "exit signals of a trade that earns less are held back")
    else:
        yield Verdict(
            "exit_profit_offset", Outcome.HONOURED, 'no effect, as "exit_profit_only" is false'
        )


def ignore_roi_if_entry_signal(run: Run) -> Iterator[Verdict]:
    if run.values["ignore_roi_if_entry_signal"]:
        yield _noted(
            "ignore_roi_if_entry_signal", "no profit is taken while an entry signal stands"
        )


def disable_dataframe_checks(run: Run) -> Iterator[Verdict]:
    if run.values["disable_dataframe_checks"]:
        yield _noted(
            "disable_dataframe_checks",
            "Freqtrade no longer refuses signals of candles that the strategy has changed or lost",
        )


def ignore_buying_expired_candle_after(run: Run) -> Iterator[Verdict]:
    if seconds := run.values["ignore_buying_expired_candle_after"]:
        yield _noted(
            "ignore_buying_expired_candle_after",
            f"no entry is made later than {seconds:g} s after its candle has closed, and none "
            "that was refused is tried again after that",
        )


def position_adjustment_enable(run: Run) -> Iterator[Verdict]:
    if not run.values["position_adjustment_enable"]:
        line = "positions are neither reduced nor added to, and the rest of a partly filled entry"
        line = f"position_adjustment_enable is false: {line} is given up"
        if _package(run).rebalances:
            line += f"; {run.strategy} opens its positions and never rebalances them"
        yield _off("position_adjustment_enable", line)


def max_entry_position_adjustment(run: Run) -> Iterator[Verdict]:
    most = run.values["max_entry_position_adjustment"]
    if run.values["position_adjustment_enable"] and most >= 0:
        yield _off(
            "max_entry_position_adjustment",
            f"max_entry_position_adjustment is {most}: at most that many additions, including the "
            "rest of a partly filled entry",
        )


def guard(run: Run) -> Iterator[Verdict]:
    at = (
        "at the exchange"
        if run.values["order_types"]["stoploss_on_exchange"]
        else "in the bot only"
    )
    if run.unknown_exchange is not None:
        yield _off(
            GUARD,
            f"{run.unknown_exchange}: {named(BINANCE_ONLY)} are for Binance only, and off here in "
            f"live; Freqtrade sends and tracks orders, and manages stops {at}. See "
            "docs/exchanges.md",
        )
    elif run.live and not run.guarded:
        yield _off(GUARD, f"the stop guard is off: stops are {at}, and only Freqtrade manages them")


# Of a strategy that is not the package's.


def attached_stoploss(run: Run) -> Iterator[Verdict]:
    own = run.values["stoploss"]
    for part in _attached(run).by_stop:
        widest, why = _WIDEST[part]
        if not 0 < distance_of(own, leverage=1.0) <= widest:
            yield Verdict(
                "stoploss",
                Outcome.REFUSED,
                f'"perpkit.attach": {part} cannot be attached to {run.strategy}, whose "stoploss" '
                f"is {own:g}: {why}. Allowed: nearer than -{widest:g}, or {part} left out",
            )


def attached_custom_stoploss(run: Run) -> Iterator[Verdict]:
    asks = _attached(run)
    if asks.by_stop and asks.stated and not run.values["use_custom_stoploss"]:
        yield Verdict(
            "use_custom_stoploss",
            Outcome.REFUSED,
            '"perpkit.stop" states where the stop of "custom_stoploss" is, but '
            f'"use_custom_stoploss" of {run.strategy} is false',
        )


def attached_order_types(run: Run) -> Iterator[Verdict]:
    if not (_attached(run).guard or run.guarded):
        return
    if run.values["order_types"].get("stoploss_on_exchange"):
        yield from _order_types(run, emergency=run.guarded)
    else:
        yield _noted(
            "order_types.stoploss_on_exchange",
            "stops are in the bot only, and the stop guard, which would place others, is off",
        )

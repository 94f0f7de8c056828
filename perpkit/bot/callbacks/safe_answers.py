"""What each callback answers when it fails: see docs/risk.md.

No entry on doubt, no exit held up, and no position without a stop at the distance that its size was
made for.
"""

from __future__ import annotations

import logging
from math import isfinite
from typing import Any

from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.persistence import LocalTrade, Trade
from freqtrade.strategy import IStrategy

from perpkit.bot.callbacks.fail_closed import Given, SafeAnswer
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.live.leaving import URGENT, urgent_reason
from perpkit.bot.refusals import RefusalKind, RunRefusedError, Why
from perpkit.bot.running_bot import words
from perpkit.risk.stops import StopMethod, stop_price, stop_ratio, stop_reached

logger = logging.getLogger(__name__)


def _start(strategy: Any, given: Given) -> None:
    """A bot that holds something must look after it; any other run is refused."""
    if not is_trading(strategy.config) or not holds_something(strategy):
        _hand_on(strategy, given)


def holds_something(strategy: Any) -> bool:
    """Whether a bot that starts finds trades or positions."""
    return Trade.get_open_trade_count() > 0 or bool(strategy.wallets.get_all_positions())


def _hand_on(_strategy: Any, given: Given) -> None:
    raise RunRefusedError(words(given["error"])) from given["error"]


def _nothing(empty: Any) -> Any:
    """`empty` for a bot that trades, and the error for a run that only reckons."""

    def find(strategy: Any, given: Given) -> Any:
        if not is_trading(strategy.config):
            _hand_on(strategy, given)
        return empty

    return find


def _given(name: str) -> Any:
    """What Freqtrade proposed under this name."""
    return lambda _strategy, given: given[name]


def _stop(strategy: Any, given: Given) -> float | None:
    """R from the entry, or the stop that is there where that one is nearer.

    Where the rate has passed both, the trade is to be closed.
    """
    trade, rate = given["trade"], given["current_rate"]
    stop = stop_price(trade.open_rate, _distance(strategy, trade), trade.is_short)
    standing = trade.stop_loss
    if standing and (standing <= stop if trade.is_short else standing >= stop):
        return None
    if stop_reached(stop, rate, trade.is_short):
        strategy.trade_states.of(trade).overtaken = True
        return None
    return stop_ratio(stop, rate, trade.is_short, trade.leverage)


def _distance(strategy: Any, trade: LocalTrade) -> float:
    """From entry to the first stop, a fraction of the entry price, of what still answers."""
    try:
        if risk := strategy.trade_states.of(trade).risk:
            return float(risk / trade.open_rate)
    except Exception as error:
        logger.warning(f"R of {trade.pair} cannot be looked up: {words(error)}")
    try:
        rule = strategy.present_settings().stop
    except Exception as error:
        logger.warning(f"The distance of stops cannot be looked up: {words(error)}")
        return float(strategy.stop_distance.value)
    return float(rule.distance if rule.method is StopMethod.FIXED else rule.ceiling)


def _target(strategy: Any, given: Given) -> float:
    return float(strategy.take_profit.value * given["trade"].leverage)


def _should_exit(strategy: Any, given: Given) -> Any:
    passed = {name: value for name, value in given.items() if name not in ("self", "error")}
    return IStrategy.should_exit(strategy, **passed)


def _with_urgent(
    strategy: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    exits: list[ExitCheckTuple] | None,
) -> list[ExitCheckTuple]:
    """What must get out, in front of all other reasons, and whatever options say of those."""
    trade = args[0] if args else kwargs["trade"]
    reason, exits = urgent_reason(strategy.watch, strategy.trade_states, trade), exits or []
    if reason is None or (exits and exits[0].exit_reason == reason):
        return exits
    return [ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason=reason), *exits]


def _must_leave(_strategy: Any, given: Given) -> bool | None:
    return True if given.get("exit_reason") in URGENT else None


def _at_market(_strategy: Any, given: Given) -> float | None:
    """A price of its own is for exits that can wait."""
    return given["proposed_rate"] if given.get("exit_tag") in URGENT else None


def _confirmed(strategy: Any, given: Given, answer: Any) -> Any:
    reason = strategy.doubt(given["pair"])
    if answer and reason:
        why = Why(RefusalKind.CALLBACK, reason)
        strategy.refusals.add(why, given["pair"], given["side"], given.get("current_time"))
        return False
    return answer


def _refused(what: str, answer: Any) -> Any:
    """`answer` where an entry cannot be asked about, which is written down."""

    def find(strategy: Any, given: Given) -> Any:
        why = Why(RefusalKind.CALLBACK, f"{what} has failed: {words(given['error'])}")
        strategy.refusals.add(why, given["pair"], given["side"], given.get("current_time"))
        return answer

    return find


def _adjusted(strategy: Any, given: Given, answer: Any) -> Any:
    """Without what would add to the position. Its price is asked for only afterwards."""
    stake = answer[0] if isinstance(answer, tuple) else answer
    if stake is None or not stake > 0:
        return answer
    trade = given["trade"]
    reason = strategy.doubt(trade.pair, but="custom_entry_price")
    if reason is None:
        return answer
    why, now = Why(RefusalKind.CALLBACK, reason), given.get("current_time")
    strategy.refusals.add(why, trade.pair, trade.trade_direction, now, what="Addition refused")
    return None


def _is_number(answer: Any) -> bool:
    return isfinite(answer)


def _is_number_or_none(answer: Any) -> bool:
    return answer is None or isfinite(answer)


def _is_price_or_none(answer: Any) -> bool:
    return answer is None or (isfinite(answer) and answer >= 0)


SAFE_ANSWERS: dict[str, SafeAnswer] = {
    "bot_start": SafeAnswer(
        "Without trades and positions the bot does not start; with some it looks after them and "
        "makes no entry.",
        find=_start,
        doubt=True,
    ),
    "ft_bot_cleanup": SafeAnswer("The bot ends all the same."),
    "bot_loop_start": SafeAnswer("No entry is made until it succeeds.", doubt=True),
    "informative_pairs": SafeAnswer(
        "No entry is made until it succeeds.", last=[], find=_nothing([]), doubt=True
    ),
    "protections": SafeAnswer(
        "The bot runs without its breakers, and makes no entry.",
        last=[],
        find=_nothing([]),
        doubt=True,
    ),
    # Asked by Freqtrade's worker, beside the cycle: what it raised would end the process.
    "version": SafeAnswer("No version is shown."),
    "analyze_ticker": SafeAnswer(
        "No entry is made into the pair until it succeeds.", find=_hand_on, doubt=True
    ),
    "leverage": SafeAnswer("The leverage is 1.", last=1.0, valid=_is_number),
    "custom_stake_amount": SafeAnswer(
        "No entry is made.",
        last=0.0,
        find=_refused("custom_stake_amount", 0.0),
        valid=_is_number_or_none,
    ),
    "is_pair_locked": SafeAnswer(
        "No entry is made into the pair.", last=True, find=_refused("is_pair_locked", True)
    ),
    "custom_entry_price": SafeAnswer(
        "No entry is made; an addition goes in at the proposed price.",
        find=_given("proposed_rate"),
        valid=_is_price_or_none,
        doubt=True,
    ),
    "confirm_trade_entry": SafeAnswer(
        "The entry is refused.",
        last=False,
        find=_refused("confirm_trade_entry", False),
        despite_doubt=_confirmed,
    ),
    "check_entry_timeout": SafeAnswer("The entry is withdrawn; what has filled stays.", last=True),
    "check_exit_timeout": SafeAnswer("The exit stays.", last=False),
    "adjust_trade_position": SafeAnswer(
        "Nothing is added and nothing sold.", despite_doubt=_adjusted
    ),
    "_adjust_trade_position_internal": SafeAnswer("Nothing is added and nothing sold.", (None, "")),
    "adjust_order_price": SafeAnswer(
        "The order stays where it is.", find=_given("current_order_rate"), valid=_is_price_or_none
    ),
    "adjust_entry_price": SafeAnswer(
        "The order stays where it is.", find=_given("current_order_rate"), valid=_is_price_or_none
    ),
    "adjust_exit_price": SafeAnswer(
        "The order stays where it is.", find=_given("current_order_rate"), valid=_is_price_or_none
    ),
    "order_filled": SafeAnswer("The fill is booked all the same."),
    "custom_stoploss": SafeAnswer(
        "The stop that is there stays, or is set at its first distance from the entry.",
        find=_stop,
        valid=_is_number_or_none,
    ),
    "custom_roi": SafeAnswer("The target is the one of the parameters.", find=_target),
    "custom_exit": SafeAnswer("A halt still closes, and stops go on."),
    "should_exit": SafeAnswer(
        "A halt still closes; for the rest Freqtrade's own rules decide.",
        last=[],
        find=_should_exit,
        finish=_with_urgent,
    ),
    "custom_exit_price": SafeAnswer(
        "The exit goes out at the proposed price.",
        find=_given("proposed_rate"),
        valid=_is_price_or_none,
        instead=_at_market,
    ),
    "confirm_trade_exit": SafeAnswer("The exit goes out.", last=True, instead=_must_leave),
}

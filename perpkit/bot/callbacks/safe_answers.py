"""What each callback returns when it fails (see docs/risk.md).

On doubt no entry is made, no exit is delayed, and no position stays without a stop at the distance
that its size was computed for.
"""

from __future__ import annotations

import logging
from math import isfinite
from typing import Any

from freqtrade.enums import ExitCheckTuple
from freqtrade.persistence import LocalTrade, Trade
from freqtrade.strategy import IStrategy

from perpkit.bot.callbacks.fail_closed import Given, SafeAnswer
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.live.leaving import URGENT, in_front, urgent_reason
from perpkit.bot.refusals import RefusalKind, RunRefusedError, Why
from perpkit.bot.running_bot import message_of
from perpkit.risk.stops import StopMethod, stop_price, stop_ratio, stop_reached

logger = logging.getLogger(__name__)


def _start(strategy: Any, given: Given) -> None:
    """Lets a bot with trades or positions start, to manage them; refuses any other run."""
    if not is_trading(strategy.config) or not holds_something(strategy):
        _hand_on(strategy, given)
    strategy._perpkit.check_additions()


def holds_something(strategy: Any) -> bool:
    """Whether the bot finds trades or positions at its start."""
    return Trade.get_open_trade_count() > 0 or bool(strategy.wallets.get_all_positions())


def _hand_on(_strategy: Any, given: Given) -> None:
    raise RunRefusedError(message_of(given["error"])) from given["error"]


def _nothing(empty: Any) -> Any:
    """Returns `empty` for a trading bot, and raises the error in backtests and hyperopt."""

    def find(strategy: Any, given: Given) -> Any:
        if not is_trading(strategy.config):
            _hand_on(strategy, given)
        return empty

    return find


def _given(name: str) -> Any:
    """Returns what Freqtrade proposed under this name."""
    return lambda _strategy, given: given[name]


def _stop(strategy: Any, given: Given) -> float | None:
    """Returns the stop at 1R from the entry, or None to keep the current stop if it is tighter.

    If the rate has passed both, the trade is marked to be closed.
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
    """Returns the distance from entry to first stop, as a fraction of the entry price.

    Uses whichever sources still work: the trade's R, the settings, or the parameters.
    """
    try:
        if risk := strategy.trade_states.of(trade).risk:
            return float(risk / trade.open_rate)
    except Exception as error:
        logger.warning(f"R of {trade.pair} cannot be looked up: {message_of(error)}")
    try:
        rule = strategy.present_settings().stop
    except Exception as error:
        logger.warning(f"The distance of stops cannot be looked up: {message_of(error)}")
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
    """Puts an urgent exit in front of all other reasons, even if options disable exit signals."""
    given = dict(zip(("trade", "rate"), args, strict=False)) | kwargs
    trade = given["trade"]
    urgent = urgent_reason(strategy.watch, strategy.trade_states, trade)
    return in_front(urgent or strategy.loss_exit(trade, given["rate"]), exits)


def _must_leave(_strategy: Any, given: Given) -> bool | None:
    return True if given.get("exit_reason") in URGENT else None


def _at_market(_strategy: Any, given: Given) -> float | None:
    """Returns the proposed price for an urgent exit; a custom price is for one that can wait."""
    return given["proposed_rate"] if given.get("exit_tag") in URGENT else None


def _confirmed(strategy: Any, given: Given, answer: Any) -> Any:
    reason = strategy.doubt(given["pair"])
    if answer and reason:
        why = Why(RefusalKind.CALLBACK, reason)
        strategy.refusals.add(why, given["pair"], given["side"], given.get("current_time"))
        return False
    return answer


def _noted(strategy: Any, args: tuple[Any, ...], kwargs: dict[str, Any], answer: Any) -> Any:
    """Notes the last answer about an entry in the decision log; Freqtrade passes all by name."""
    if not args:
        strategy.note_answer(kwargs, bool(answer))
    return answer


def _refused(what: str, answer: Any) -> Any:
    """Returns `answer` when the callback of an entry fails, and records the refusal."""

    def find(strategy: Any, given: Given) -> Any:
        why = Why(RefusalKind.CALLBACK, f"{what} has failed: {message_of(given['error'])}")
        strategy.refusals.add(why, given["pair"], given["side"], given.get("current_time"))
        return answer

    return find


def _adjusted(strategy: Any, given: Given, answer: Any) -> Any:
    """Withholds an addition on doubt; `custom_entry_price` is ignored, as it is called later."""
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


def _is_stake_or_none(answer: Any) -> bool:
    """Whether it is a number, alone or with a tag, or None."""
    return _is_number_or_none(answer[0] if isinstance(answer, tuple) else answer)


def _is_price_or_none(answer: Any) -> bool:
    return answer is None or (isfinite(answer) and answer >= 0)


SAFE_ANSWERS: dict[str, SafeAnswer] = {
    "bot_start": SafeAnswer(
        "Without trades and positions the bot does not start; otherwise it manages them and "
        "makes no entry.",
        find=_start,
        doubt=True,
    ),
    "ft_bot_cleanup": SafeAnswer("The bot shuts down all the same."),
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
    # Called by Freqtrade's worker outside of the cycle: an exception would end the process.
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
        "No entry is made; an addition is placed at the proposed price.",
        find=_given("proposed_rate"),
        valid=_is_price_or_none,
        doubt=True,
    ),
    "confirm_trade_entry": SafeAnswer(
        "The entry is refused.",
        last=False,
        find=_refused("confirm_trade_entry", False),
        despite_doubt=_confirmed,
        finish=_noted,
    ),
    "check_entry_timeout": SafeAnswer("The entry is cancelled; fills are kept.", last=True),
    "check_exit_timeout": SafeAnswer("The exit order stays open.", last=False),
    "adjust_trade_position": SafeAnswer(
        "The position is neither increased nor reduced.",
        valid=_is_stake_or_none,
        despite_doubt=_adjusted,
    ),
    "_adjust_trade_position_internal": SafeAnswer(
        "The position is neither increased nor reduced.", (None, "")
    ),
    "adjust_order_price": SafeAnswer(
        "The order keeps its price.", find=_given("current_order_rate"), valid=_is_price_or_none
    ),
    "adjust_entry_price": SafeAnswer(
        "The order keeps its price.", find=_given("current_order_rate"), valid=_is_price_or_none
    ),
    "adjust_exit_price": SafeAnswer(
        "The order keeps its price.", find=_given("current_order_rate"), valid=_is_price_or_none
    ),
    "order_filled": SafeAnswer("The fill is booked all the same."),
    "custom_stoploss": SafeAnswer(
        "The current stop stays, or is set at its first distance from the entry.",
        find=_stop,
        valid=_is_number_or_none,
    ),
    "custom_roi": SafeAnswer("The profit target of the parameters is used.", find=_target),
    "custom_exit": SafeAnswer("A halt still closes the trade, and stops still work."),
    "should_exit": SafeAnswer(
        "A halt still closes the trade; otherwise Freqtrade's own rules decide.",
        last=[],
        find=_should_exit,
        finish=_with_urgent,
    ),
    "custom_exit_price": SafeAnswer(
        "The exit is placed at the proposed price.",
        find=_given("proposed_rate"),
        valid=_is_price_or_none,
        instead=_at_market,
    ),
    "confirm_trade_exit": SafeAnswer("The exit is placed.", last=True, instead=_must_leave),
}

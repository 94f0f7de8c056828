"""Decisions in sentences, and the table of their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from perpkit.record.decisions import Decision, Kind
from perpkit.record.decisions_read import Counted

# What each kind says of its pair and side, before the text with the figures.
_SAID = {
    Kind.ORDERED: "an entry was ordered",
    Kind.ENTERED: "entered",
    Kind.ADDED: "added to",
    Kind.REFUSED: "no entry",
    Kind.SCALED: "made smaller",
    Kind.WITHDRAWN: "the entry order was withdrawn",
    Kind.REDUCED: "a part was sold",
    Kind.EXITED: "exited",
    Kind.STOP: "the stop",
    Kind.QUIET: "no entry",
}
# By code: who or what decided.
_REASONS = {
    "latch": "the operator's stop latch",
    "breaker": "a breaker",
    "lock": "a lock",
    "callback": "a callback that failed",
    "passive": "the bot is passive",
    "journal": "the order journal",
    "exchange": "what the exchange says",
    "size": "the size",
    "loss": "what was lost",
    "fleet": "the fleet",
    "book": "the order book",
    "unchecked": "a check that failed",
    "overtaken": "another order came first",
    "unsent": "no order",
    "slots": "no free slot",
    "stake": "the balance",
    "smallest": "the smallest order",
    "depth": "the order book's depth",
    "paused": "paused",
    "strategy": "the strategy itself",
    "pairlist": "the pairlist",
    "freqtrade": "Freqtrade",
    "signal": "the signal",
    "outdated": "candles that are too old",
    "leverage": "the leverage",
    "set": "as the entry filled",
    "moved": "moved",
    # Exit reasons of Freqtrade and of this package.
    "roi": "the profit target",
    "stop_loss": "the stop",
    "stoploss_on_exchange": "the stop at the exchange",
    "trailing_stop_loss": "the trailing stop",
    "liquidation": "liquidation",
    "exit_signal": "the exit signal",
    "force_exit": "forced",
    "emergency_exit": "an emergency: no stop could be placed",
    "halted": "a halt",
    "stop_overtaken": "the price had passed the stop",
    "delisting": "the contract ends",
    "max_trade_loss": "the trade's loss limit",
    "max_tag_loss": "the tag's loss limit",
    "carry_cost": "the cost of funding",
}


def sentence(decision: Decision) -> str:
    """Returns a decision as one sentence, with its figures."""
    where = "all pairs" if decision.pair == "*" else decision.pair
    side = "" if decision.side == "*" else f" {decision.side}"
    reason = _REASONS.get(decision.reason, decision.reason)
    by = "" if decision.kind in (Kind.ORDERED, Kind.ENTERED) else f" ({reason})"
    tag = f", tag {decision.tag}" if decision.tag else ""
    text = decision.text.rstrip(".")
    said = f"{where}{side}: {_SAID[decision.kind]}{by}: {text}{tag}."
    return f"{_time(decision.at)} UTC: {said}{_often(decision)}"


def _often(decision: Decision) -> str:
    if decision.count == 1:
        return ""
    return f" {decision.count} times since {_time(decision.begins)}."


def counted(rows: Sequence[Counted]) -> list[str]:
    """Returns the table of reasons, one line each, the most frequent first."""
    lines = []
    for row in rows:
        pairs = row.pairs[0] if len(row.pairs) == 1 else f"{len(row.pairs)} pairs"
        if row.pairs == ("*",):
            pairs = "all pairs"
        lines.append(
            f"{row.count:>7} {row.kind.value:<9}  {row.reason:<12} {pairs}. The last, "
            f"{_time(row.newest.at)}: {row.newest.text.rstrip('.')}."
        )
    return lines


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

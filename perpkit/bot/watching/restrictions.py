"""The restrictions that are in force, and what the operator hears of them when they change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from perpkit.breakers.breaker import (
    ALL_PAIRS,
    UNRESTRICTED,
    Decision,
    Side,
    Trading,
    strictest,
)

# Name of the breaker, pair and side.
Key = tuple[str, str, Side]
# The decisions that restrict trading.
Restrictions = Mapping[Key, Decision]
# The state, the size and the cap on leverage.
_Effect = tuple[Trading, float, float]

# Characters of the reasons in a message, of which Telegram takes 4096.
_LONGEST, _MOST_NAMES = 3000, 20
_STILL_ALLOWED = {
    Trading.ACTIVE: "Entries, exits and stops as usual.",
    Trading.REDUCING: "Exits and stops go on.",
    Trading.HALTED: "Open positions are being closed at the market, none is opened.",
}


def strictest_for(restrictions: Restrictions, pair: str, side: str) -> Decision:
    """Returns the strictest decision that concerns a pair and side."""
    if not restrictions:
        return UNRESTRICTED
    return strictest(d for d in restrictions.values() if d.concerns(pair, side))


def without(restrictions: Restrictions, name: str) -> Restrictions:
    """Returns those that are not of this name."""
    return {key: decision for key, decision in restrictions.items() if key[0] != name}


def changes(
    before: Restrictions, after: Restrictions, standing: Restrictions, released: str = ""
) -> Iterator[str]:
    """Yields one message for each breaker and change of state.

    :param standing: those of `after` that are not of breakers: their reasons state how they end
    :param released: why the restrictions that have ended did so
    """
    changed: dict[tuple[str, _Effect], list[Key]] = {}
    for key in dict.fromkeys((*before, *after)):
        was, now = (_effect(where.get(key, UNRESTRICTED)) for where in (before, after))
        if was != now and not _still_covered(key, after):
            changed.setdefault((key[0], now), []).append(key)
    for (name, (trading, *_)), keys in changed.items():
        decision = after.get(keys[0])
        pairs = sorted({pair for _, pair, _ in keys})
        where = "" if ALL_PAIRS in pairs else f" on {_names(pairs)}"
        if decision is None:
            what = f"{name} has released{where}{released and f': {released}'}"
            trading = strictest_for(after, *keys[0][1:]).trading
        else:
            what = f"{name}{where}: {_reasons([after[key] for key in keys])}"
        until = "" if keys[0] in standing else _until([after.get(key) for key in keys])
        yield f"{trading.upper()}: {what}. {until}{_STILL_ALLOWED[trading]}"


def _still_covered(key: Key, restrictions: Restrictions) -> bool:
    """Whether a wider restriction of the same breaker has replaced this one."""
    name, pair, side = key
    return key not in restrictions and any(
        other == name and decision.entries_blocked and decision.concerns(pair, side)
        for (other, *_), decision in restrictions.items()
    )


def _effect(decision: Decision) -> _Effect:
    return decision.trading, decision.size_factor, decision.max_leverage


def _names(pairs: Sequence[str]) -> str:
    more = f" and {len(pairs) - _MOST_NAMES} more" if len(pairs) > _MOST_NAMES else ""
    return ", ".join(pairs[:_MOST_NAMES]) + more


def _reasons(decisions: Sequence[Decision]) -> str:
    """The reason of each, with its pair; once if it is the same for all."""
    if len({decision.reason for decision in decisions}) == 1:
        return decisions[0].reason
    by_pair = sorted(decisions, key=lambda decision: decision.pair)
    texts = list(dict.fromkeys(_with_pair(decision) for decision in by_pair))
    fit = [text for n, text in enumerate(texts) if sum(map(len, texts[: n + 1])) <= _LONGEST]
    more = f"; and {len(texts) - len(fit)} more, see /locks" if len(fit) < len(texts) else ""
    return "; ".join(fit) + more


def _with_pair(decision: Decision) -> str:
    known = decision.pair == ALL_PAIRS or decision.pair in decision.reason
    return decision.reason if known else f"{decision.pair}: {decision.reason}"


def _until(decisions: Sequence[Decision | None]) -> str:
    held = [decision for decision in decisions if decision is not None]
    releases = [d.release for d in held if d.release is not None]
    if releases and len(releases) == len(held):
        first, last = (f"{end(releases):%Y-%m-%d %H:%M}" for end in (min, max))
        return f"Until {first if first == last else f'{first} to {last}'} UTC at the earliest. "
    halted = any(d.trading is Trading.HALTED and d.release is None for d in held)
    return "Until an operator ends its lock. " if halted else ""

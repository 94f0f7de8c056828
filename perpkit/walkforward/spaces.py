"""The spaces of hyperopt that are asked for, and what becomes of them in tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from freqtrade.optimize.hyperopt_tools import HyperoptTools
from freqtrade.strategy.hyper import detect_all_parameters

_SPACES = frozenset(
    {"all", "default", "buy", "sell", "roi", "stoploss", "trailing", "protection", "trades"}
)
# Options that stand above what hyperopt finds in a space.
_OPTIONS_OF_SPACES = {
    "roi": ("minimal_roi",),
    "stoploss": ("stoploss",),
    "trailing": (
        "trailing_stop", "trailing_stop_positive", "trailing_stop_positive_offset",
        "trailing_only_offset_is_reached",
    ),
    "trades": ("max_open_trades",),
}  # fmt: skip


def check_spaces(strategy: Any, spaces: Sequence[str]) -> None:
    """:raises ValueError: naming a space that the strategy does not have"""
    known = _SPACES | set(detect_all_parameters(strategy))
    if unknown := [space for space in spaces if space not in known]:
        raise ValueError(f"spaces must be of {', '.join(sorted(known))}, got {unknown[0]}")


def decided_spaces(config: Mapping[str, Any], spaces: Sequence[str]) -> dict[str, str]:
    """Returns the spaces that are searched for nothing, each with the option that decides there.

    As in Freqtrade, an option of the configuration stands above what hyperopt has found.
    """
    asked = {"spaces": list(spaces)}
    return {
        space: option
        for space, options in _OPTIONS_OF_SPACES.items()
        for option in reversed(options)
        if option in config and HyperoptTools.has_space(asked, space)
    }


def searched_only(strategy: Any, spaces: Sequence[str], *, protections: bool) -> Iterator[str]:
    """Yields a line about what hyperopt switches on for a space, and no test has.

    :param protections: whether tests have them
    """
    asked = {"spaces": list(spaces)}
    if HyperoptTools.has_space(asked, "sell") and not strategy.use_exit_signal:
        yield (
            'spaces: sell is searched with exit signals, which "use_exit_signal" switches off in '
            "tests."
        )
    if HyperoptTools.has_space(asked, "protection") and not protections:
        yield (
            "spaces: protection is searched with protections, which --no-protections leaves off in "
            "tests."
        )

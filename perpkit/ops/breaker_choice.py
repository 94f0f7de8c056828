"""Selects the breakers of a replay and their parameters, from `--breaker` and `--set`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from perpkit.bot.watching.found import breakers, protection_folders
from perpkit.ops.stored import BadInputError

if TYPE_CHECKING:
    from perpkit.bot.watching.protection import WatchedProtection

ALL = "all"


@dataclass(frozen=True)
class Replayable:
    """The breakers from which a replay may choose.

    :param kinds: every breaker that was found, by name
    """

    kinds: Mapping[str, type[WatchedProtection]]

    @classmethod
    def found(cls, userdir: Path) -> Replayable:
        """Finds Perpkit's breakers and those in `protections` of the user directory."""
        return cls(breakers(protection_folders(userdir), partial(typer.echo, err=True)))

    @property
    def names(self) -> list[str]:
        """Breakers that replay from stored data, then those that need a backtest result."""
        replayed = [name for name, kind in self.kinds.items() if kind.REPLAYS]
        return sorted(replayed, key=lambda name: self.kinds[name].OF_TRADES)

    def chosen(self, names: Sequence[str], with_export: bool) -> list[str]:
        """Returns the selected breakers, each once.

        :raises BadInputError: for a breaker that cannot be replayed
        """
        if ALL in names:
            return [name for name in self.names if self._why_not(name, with_export) is None]
        for name in names:
            if name not in self.kinds:
                raise BadInputError(
                    f"breaker must be one of {', '.join(self.names)} or {ALL}, got {name!r}"
                )
        for name in names:
            if why := self._why_not(name, with_export):
                raise BadInputError(why)
        return list(dict.fromkeys(names))

    def left_out(self, with_export: bool) -> list[str]:
        """Returns why breakers are not among all, a sentence for each."""
        reasons = (self._why_not(name, with_export) for name in sorted(self.kinds))
        return [why for why in reasons if why]

    def _why_not(self, name: str, with_export: bool) -> str | None:
        kind = self.kinds[name]
        if not kind.REPLAYS:
            return (
                f"{name} cannot be replayed: it needs a live account or the exchange, or it "
                "does not declare that stored data are enough for it (REPLAYS = True)"
            )
        if kind.OF_TRADES and not with_export:
            return f"{name} needs --export, a backtest result"
        return None

    def settings(self, given: Sequence[str], chosen: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Parses `Breaker.name=value` into parameters by breaker; a value is JSON or else text.

        :raises BadInputError: for any other form, or a breaker that is not among `chosen`
        """
        settings: dict[str, dict[str, Any]] = {}
        for text in given:
            name, _, value = text.partition("=")
            breaker, _, parameter = name.partition(".")
            if breaker not in self.names or not parameter or not value:
                raise BadInputError(
                    "set must be like FlashCrashBreaker.name=value, for one of "
                    f"{', '.join(self.names)}, got {text!r}"
                )
            if breaker not in chosen:
                raise BadInputError(
                    f"set must be of a breaker that is replayed, got {text!r}: "
                    f"add --breaker {breaker}"
                )
            settings.setdefault(breaker, {})[parameter] = _value(value)
        return settings

    def refuse_options(self, arguments: Sequence[str], chosen: Sequence[str]) -> None:
        """Rejects unknown options, naming the breaker parameter that was probably meant.

        :raises BadInputError: if there are any
        """
        if not arguments:
            return
        option, _, value = arguments[0].partition("=")
        value = value or next(iter(arguments[1:2]), "VALUE")
        parameter = option.removeprefix("--").replace("-", "_")
        for name in (*chosen, *self.names):
            if option.startswith("--") and parameter in self.kinds[name].parameters():
                raise BadInputError(f"{option} is no option: give --set {name}.{parameter}={value}")
        raise BadInputError(f"no such option or argument: {option}")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

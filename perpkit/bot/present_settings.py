"""The settings of the risk stack as they are at present: of the class, its parameters, and the
configuration's "perpkit"."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar

from freqtrade.constants import Config

from perpkit.bot.layer.parts import ATTACHING
from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.settings import overridden
from perpkit.record.latch import OPTIONS


class PresentSettings(PerpRisk):
    """Part of `PerpStrategy`."""

    # Settings of the risk stack; the parameters of `searched` and the configuration's "perpkit"
    # override them.
    settings = Settings()

    # The settings that hyperopt parameters of the class replace, by parameter.
    searched: ClassVar[dict[str, str]] = {}

    _perpkit_prefix = ""

    def __init__(self, config: Config) -> None:
        # By `only`: the settings, configuration and parameters parsed last, and the result.
        self._parsed: dict[str | None, tuple[Settings, Any, dict[str, Any], Settings]] = {}
        super().__init__(config)
        self._overridden(self.settings, config)  # refuse early

    def present_settings(self, only: str | None = None) -> Settings:
        """Returns the settings at the current parameters, overridden by the configuration.

        They are parsed again when something has changed, and not for every pair.

        :param only: the one setting that counts, such as `trailing.trail`; parameters of others are
            not read. Freqtrade warns of each that is read while hyperopt computes the indicators.
        """
        searched = {name: path for name, path in self.searched.items() if only in (None, path)}
        values = {path: getattr(self, name).value for name, path in searched.items()}
        given = self.config.get("perpkit", {})
        known = self._parsed.get(only)
        if known and known[0] is self.settings and known[1] == given and known[2] == values:
            return known[3]
        parsed = self._parse_settings(self.settings, values)
        self._parsed[only] = self.settings, deepcopy(given), values, parsed
        return parsed

    def _parse_settings(self, at_present: Settings, values: dict[str, Any]) -> Settings:
        for path, value in values.items():
            section, name = path.split(".")
            changed = replace(getattr(at_present, section), **{name: value})
            at_present = replace(at_present, **{section: changed})
        return self._overridden(at_present, self.config)

    @staticmethod
    def _overridden(settings: Settings, config: Config) -> Settings:
        given = config.get("perpkit", {})
        return overridden(settings, given, "perpkit", beside=OPTIONS | ATTACHING)

"""The settings of the risk stack as they are at present: of the class, its parameters, and the
configuration's "perpkit"."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any, ClassVar

from freqtrade.constants import Config
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.misc import deep_merge_dicts
from freqtrade.strategy import hyper

from perpkit.bot.layer.parts import ATTACHING
from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.settings import overridden
from perpkit.record.latch import OPTIONS

logger = logging.getLogger(__name__)


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
        self.exclude_overridden(self.searched)

    def ft_bot_start(self, **kwargs: Any) -> None:
        # Freqtrade loads parameters after `bot_start`, in which what follows from them is made: a
        # running bot would trade by their defaults and not by hyperopt's file.
        self._load_parameters()
        super().ft_bot_start(**kwargs)

    def _load_parameters(self) -> None:
        """Sets them as `ft_load_hyper_params` does, which looks at every property of the strategy,
        also at those that need what its `bot_start` makes. Silent: Freqtrade lists them later.
        """
        searching = self.config.get("runmode") == RunMode.HYPEROPT
        freqtrade = logging.getLogger(hyper.__name__)
        before, freqtrade.disabled = freqtrade.disabled, True
        try:
            for space, found in hyper.detect_all_parameters(type(self)).items():
                own = {name: getattr(self, name) for name in found}
                from_file = self._ft_params_from_file.get(space, {})
                values = deep_merge_dicts(from_file, getattr(self, f"{space}_params", {}))
                self._ft_set_param(own, values, space, searching)
        finally:
            freqtrade.disabled = before

    def exclude_overridden(self, parameters: Mapping[str, str]) -> None:
        """Takes what the configuration's "perpkit" overrides out of a search of hyperopt, in which
        it would change nothing.

        :param parameters: the settings that they replace, by parameter
        """
        if self.config.get("runmode") != RunMode.HYPEROPT:
            return
        given = self.config.get("perpkit", {})
        for name, path in parameters.items():
            section, key = path.split(".")
            parameter = getattr(self, name)
            if key in given.get(section, {}) and parameter.optimize:
                parameter = copy(parameter)  # the class has it for other configurations, too
                parameter.optimize = False
                setattr(self, name, parameter)
                logger.warning(
                    'Hyperopt does not search %s: "perpkit.%s" in the configuration overrides it.',
                    name,
                    path,
                )

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
            try:
                changed = replace(getattr(at_present, section), **{name: value})
            except ValueError as error:  # of hyperopt's file
                raise ConfigurationError(f'The parameter of "{path}": {error}') from error
            at_present = replace(at_present, **{section: changed})
        return self._overridden(at_present, self.config)

    @staticmethod
    def _overridden(settings: Settings, config: Config) -> Settings:
        given = config.get("perpkit", {})
        return overridden(settings, given, "perpkit", beside=OPTIONS | ATTACHING)

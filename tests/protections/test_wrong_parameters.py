"""Every parameter of every breaker there is, with values that nobody can mean."""

from __future__ import annotations

from itertools import product
from typing import get_type_hints

import pytest
from freqtrade.enums import RunMode

from perpkit.bot.watching.found import breakers
from tests.bench.wrong_values import WRONG, could_be, said

BREAKERS = breakers()
# Of what stands in no dataclass.
BESIDE = {
    "backtest_clear_hours": float,
    "basket": list | dict,
    "book_seconds": float,
    "dvol": bool,
    "dvol_url": str,
    "maintenance_file": str | None,
    "market_pair": str | None,
    "pair": str,
    "timeframe": str,
}


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.DRY_RUN])
@pytest.mark.parametrize("name", BREAKERS)
def test_a_wrong_value_is_one_error_that_names_the_parameter(default_futures_config, name, runmode):
    kind = BREAKERS[name]
    config = {**default_futures_config, "runmode": runmode}
    hints = dict(BESIDE)
    for limits in kind.LIMITS:
        hints |= {key: h for key, h in get_type_hints(limits).items() if key not in kind.DERIVED}
    assert kind.parameters() <= hints.keys()
    for parameter, value in product(sorted(kind.parameters()), WRONG):
        given = {"method": name, parameter: value}
        message = said(lambda given=given: kind(config, given))
        where = (parameter, value, message)
        if message is None:
            assert could_be(hints[parameter], value), where
        elif not could_be(hints[parameter], value):
            assert message.startswith(f"{name}: "), where
            assert parameter in message, where

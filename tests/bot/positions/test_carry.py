"""Funding that makes a position not worth holding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perpkit.bot.positions.carry import CarryCosts
from perpkit.risk.carry import CarryRule
from tests.bot.positions.entering import SETTINGS, flat
from tests.bot.stack import BTC, NOW


@pytest.mark.parametrize(("held_hours", "dear"), [(0, True), (47, True), (0.5, True)])
def test_a_position_is_left_for_its_funding(held_hours, dear):
    candles = {BTC: flat(40, funding_rate_8h=0.01, funding_mean_8h=0.01)}
    costs = CarryCosts(replace(SETTINGS, carry=CarryRule(48, 0.01, 0.5)), candles.get)
    assert (costs.reason(BTC, False, NOW, held_hours) is not None) is dear
    assert costs.reason(BTC, True, NOW, held_hours) is None
    assert costs.reason("NEW/USDT:USDT", False, NOW, held_hours) is None

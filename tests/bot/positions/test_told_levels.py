from dataclasses import replace

import pytest

from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.positions.told_levels import show_levels, told_levels
from perpkit.risk.stops import EntryStop

SETTINGS = replace(Settings(), stop=EntryStop(distance=0.05))
STOP = "Stop: 5% of the price from the entry, before leverage. "
PARTS = "Parts are sold: 50% at 1 R, 25% at 2 R (R is the distance of the first stop). "
FOLLOWS = "The stop of what is left follows the price. "
TARGET = "Target: 10% of the price, after fees."


@pytest.mark.parametrize(
    ("settings", "target", "parts", "words"),
    [
        (SETTINGS, 0.10, True, STOP + PARTS + FOLLOWS + TARGET),
        (SETTINGS, 0.10, False, STOP + "No parts are sold. " + FOLLOWS + TARGET),
        (SETTINGS, 100, True, STOP + PARTS + FOLLOWS + "No target."),
        (
            replace(SETTINGS, use=Switches(scale_out=False, trailing=False)), 0.10, True,
            STOP + "No parts are sold. " + TARGET,
        ),
        (
            replace(SETTINGS, stop=EntryStop("atr", atr_multiple=2.5)), 0.10, True,
            "Stop: 2.5 average true ranges, 0.5% to 10% of the price, from the entry, before "
            "leverage. " + PARTS + FOLLOWS + TARGET,
        ),
    ],
)  # fmt: skip
def test_stop_parts_and_target_are_told(settings, target, parts, words):
    assert told_levels(settings, target, parts=parts) == words


@pytest.mark.parametrize(
    ("stop", "target", "shown"),
    [
        (EntryStop(distance=0.05), 0.10, (-0.05, {"0": 0.10})),
        (EntryStop("atr", ceiling=0.08), 0.10, (-0.08, {"0": 0.10})),
        (EntryStop(distance=0.05), 100, (-0.05, {})),
    ],
)
def test_freqtrade_shows_them(stop, target, shown):
    config = {"stoploss": -0.6, "minimal_roi": {"0": 100.0}, "trailing_stop": False}
    show_levels(config, stop, target)
    assert (config["stoploss"], config["minimal_roi"]) == shown

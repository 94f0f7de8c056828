"""Which bots are asked for a verdict; what they do without is in tests/integration."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest

from perpkit.bot.live.golive_gate import GoLiveGate, at_venue
from perpkit.venue.overlay import overlay
from tests.bench.machine import machine  # noqa: F401

pytestmark = pytest.mark.usefixtures("machine")

VENUE = overlay("http://127.0.0.1:8900", Path("rehearsal"), live=True)
EXCHANGE = {"dry_run": False, "exchange": {"name": "binance"}}


def partly():
    config = copy.deepcopy(VENUE)
    config["exchange"]["ccxt_config"]["urls"]["api"]["fapiPrivate"] = "https://fapi.binance.com"
    return config


def foreign():
    config = copy.deepcopy(VENUE)
    config["exchange"]["key"] = "of the exchange"
    return config


@pytest.mark.parametrize(
    ("config", "exempt"),
    [
        (VENUE, True),
        (partly(), False),
        (foreign(), False),
        (EXCHANGE, False),
        ({**EXCHANGE, "perpkit_venue": {"accounts": {}}}, False),
    ],
    ids=["overlay", "one URL of the exchange", "another key", "exchange", "the mark alone"],
)
def test_only_an_overlay_that_leads_to_the_venue_wholly_is_exempt(config, exempt):
    assert at_venue(config) is exempt


def gate(tmp_path, **changed):
    config = {**EXCHANGE, "user_data_dir": tmp_path, "stake_currency": "USDT", **changed}
    strategy = SimpleNamespace(config=config, _ft_params_from_file={})
    return GoLiveGate(config, strategy)


def test_dry_run_is_not_asked(tmp_path):
    found = gate(tmp_path, dry_run=True)
    assert (found.reason, found.off) == (None, False)


def test_it_can_be_switched_off(tmp_path):
    found = gate(tmp_path, perpkit={"require_golive": False})
    assert (found.reason, found.off) == (None, True)


@pytest.mark.parametrize(
    ("perpkit", "words"),
    [
        ({"require_golive": 0}, '"perpkit.require_golive" must be true or false, got 0'),
        ({"account": "a b"}, "perpkit.account must be a name of letters"),
    ],
)
def test_what_is_wrong_with_its_options_is_a_reason(tmp_path, perpkit, words):
    found = gate(tmp_path, perpkit=perpkit)
    assert words in found.reason
    assert not found.off


def test_an_error_of_the_strategy_itself_is_a_reason(tmp_path):
    # It has no source, no schema and no name that Freqtrade knows.
    found = gate(tmp_path, order_types={"entry": "limit"})
    assert found.reason.startswith("Go-live gate: SimpleNamespace ")
    assert "\n" not in found.reason

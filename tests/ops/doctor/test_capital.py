"""`--capital`: a table with what an amount trades of the configuration's pairs."""

from __future__ import annotations

import json
import os
import re

import pytest

from perpkit.ops.level import Level

pytestmark = pytest.mark.integration

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def capital(desk, amount):
    return [f for f in desk.findings(amount) if f.check == "capital"]


@pytest.mark.parametrize(
    ("amount", "pairs", "level", "words"),
    [
        (20_000, [BTC, ETH], Level.OK, "20000 USDT trades 2 of 2 pairs"),
        (200, [BTC, ETH], Level.WARN, r"200 USDT trades 1 of 2 pairs, 1 at once; dropped: BTC"),
        (200, [BTC], Level.FAIL, "200 USDT trades 0 of 1 pairs"),
        (600, [BTC], Level.OK, "rounding takes more than 10% of BTC"),
        (200, [".*/USDT:USDT"], Level.WARN, "1 of 2 pairs"),
        (200, ["NONE/USDT:USDT"], Level.SKIPPED, "no pair"),
    ],
)
def test_what_an_amount_trades(desk, amount, pairs, level, words):
    desk.config["exchange"] = {"pair_whitelist": pairs}
    [found] = capital(desk, amount)
    assert found.level is level, found.words
    assert re.search(words, found.words), found.words


def test_the_least_that_is_named_does_trade(desk):
    desk.config["exchange"] = {"pair_whitelist": [BTC]}
    [found] = capital(desk, 200)
    needed = float(re.search(r"from (\d+)", found.words)[1])
    assert capital(desk, needed + 1)[0].level is Level.OK
    assert capital(desk, 0.97 * needed)[0].level is Level.FAIL


def test_a_key_is_not_needed(desk):
    desk.config |= {"dry_run": True, "exchange": {"pair_whitelist": [BTC, ETH]}}
    for name in ("KEY", "SECRET"):
        del os.environ[f"FREQTRADE__EXCHANGE__{name}"]
    [found] = capital(desk, 200)
    assert found.level is Level.WARN, found.words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"perpkit": {"use": {"sizing": False}}, "stake_amount": 100}, "by stake_amount"),
        ({"strategy": "Steered", "stake_amount": 100}, "Steered sizes its entries itself"),
        ({"strategy": "GuardedSteered"}, "leverage and custom_stake_amount of its own"),
    ],
)
def test_what_it_does_not_know_of_a_strategy_is_said(desk, settings, words):
    desk.config |= settings
    [found] = capital(desk, 5_000)
    assert words in found.words


def test_a_fixed_stake_counts(desk):
    desk.config |= {"stake_amount": 60, "exchange": {"pair_whitelist": [ETH]}}
    [found] = capital(desk, 50_000)
    assert "stake_amount allows 60.00 of margin" in str(found.table)


def test_the_table_is_part_of_the_document(desk):
    desk.config["exchange"] = {"pair_whitelist": [BTC, ETH]}
    result = desk.doctor("--capital", "200", "--json")
    assert result.exit_code == 1
    [found] = [f for f in json.loads(result.stdout)["findings"] if f["check"] == "capital"]
    bitcoin, ether = found["table"]
    assert (bitcoin["pair"], bitcoin["order"], ether["order"]) == (BTC, "-", "38.00")
    assert bitcoin["alone"].startswith("dropped: wants 39.60 in steps of 53.00, least 79.50")
    shown = desk.doctor("--capital", "200")
    assert "dropped: wants 39.60" in " ".join(shown.stdout.split())

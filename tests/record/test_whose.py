"""Whose an order is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perpkit.record.journal import Intent, Journal
from perpkit.record.order_ids import Purpose, parse
from perpkit.record.whose import Whose, whose

TAG = "3fa2c1"


@pytest.fixture
def journal():
    made = Journal.create(None, TAG)
    made.begin("RsiSmaSwing", 1)
    return made


@pytest.fixture
def own_id(journal) -> str:
    own = journal.next_id("x-xcKtGhcu", Purpose.STOP)
    values = ("BTC/USDT:USDT", "RsiSmaSwing", Purpose.STOP, "sell", "stop_market", 0.01)
    journal.write(Intent(own, *values, None, 29_000.0, True, 3.0, None, 1_000))
    return own


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Whose.OURS),
        ({"nonce": "zzzzzz"}, Whose.ANOTHERS),
        ({"number": 2}, Whose.ANOTHERS),  # of a later time than this journal
        ({"tag": "ffffff"}, Whose.FOREIGN),
    ],
)
def test_by_what_the_id_says(journal, own_id, change, expected):
    assert whose(str(replace(parse(own_id), **change)), journal) is expected


@pytest.mark.parametrize(
    ("client_id", "expected"),
    [
        ("x-xcKtGhcu3fa2c10123456789abcdef", Whose.OLD),
        ("x-xcKtGhcuffffff0123456789abcdef", Whose.FOREIGN),
        ("web_abc", Whose.FOREIGN),
        (None, Whose.FOREIGN),
    ],
)
def test_other_ids(journal, client_id, expected):
    assert whose(client_id, journal) is expected
    assert expected.may_be_cancelled is (expected is Whose.OLD)

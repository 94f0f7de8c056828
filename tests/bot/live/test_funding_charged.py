"""Funding as the exchange lists it."""

from __future__ import annotations

from datetime import timedelta

from perpkit.bot.live import funding_charged
from perpkit.bot.live.funding_charged import charged_since, sum_between
from tests.factories import START

HOUR = timedelta(hours=1)
BTC = "BTC/USDT:USDT"


def settled(hours: int) -> list[dict]:
    """Every hour, for both sides of a pair."""
    return [
        {"id": str(n), "timestamp": int((START + n // 2 * HOUR).timestamp() * 1000), "amount": 1.0}
        for n in range(2, 2 * hours + 2)
    ]


class Api:
    def __init__(self, fees: list[dict]) -> None:
        self.fees = fees
        self.asked = 0

    def fetch_funding_history(self, pair, since, limit):
        self.asked += 1
        return [fee for fee in self.fees if fee["timestamp"] >= since][:limit]


def test_more_settlements_than_one_answer_has_are_read_once(monkeypatch):
    monkeypatch.setattr(funding_charged, "_INCOMES", 5)
    for hours in range(9):
        api = Api(settled(hours))
        assert list(charged_since(api, BTC, START)) == api.fees
        assert api.asked <= hours + 1


def test_a_settlement_counts_for_the_fill_after_it():
    fees = settled(8)
    assert sum_between(fees, START, START + 8 * HOUR) == 16.0
    assert sum_between(fees, START + HOUR, START + 2 * HOUR) == 2.0
    assert sum_between(fees, START + HOUR, START + HOUR) == 0.0

"""Incomes are read to the end, by time, each once."""

from __future__ import annotations

import pytest

from perpkit.ops.doctor import incomes as incomes_module
from perpkit.ops.doctor.incomes import IncomesError, incomes


class Client:
    """As the exchange: the oldest rows from `startTime` on, `limit` at most."""

    def __init__(self, times: list[int]) -> None:
        self.rows = [
            {
                "symbol": "BTCUSDT",
                "incomeType": "COMMISSION",
                "income": f"-{number}",
                "asset": "USDT",
                "time": time,
                "tranId": number,
                "tradeId": str(number),
            }
            for number, time in enumerate(times)
        ]
        self.asked = 0

    def fapiPrivateGetIncome(self, sent):  # noqa: N802 - ccxt's
        self.asked += 1
        assert "page" not in sent
        within = [r for r in self.rows if sent["startTime"] <= r["time"] <= sent["endTime"]]
        return within[: sent["limit"]]


@pytest.fixture
def three_a_page(monkeypatch):
    monkeypatch.setattr(incomes_module, "MOST_ROWS", 3)
    monkeypatch.setattr(incomes_module, "MOST_PAGES", 5)


@pytest.mark.parametrize(
    "times",
    [
        [],
        [1, 2],
        [1, 2, 3],
        [1, 2, 3, 4, 5, 6, 7],
        [1, 2, 2, 3],
        [1, 1, 2, 2, 3, 3],  # pages that end within a millisecond
    ],
)
def test_every_row_comes_once(three_a_page, times):
    client = Client(times)
    found = incomes(client, 0, 100)
    assert [income.time for income in found] == times
    assert len({income.amount for income in found}) == len(times)
    assert client.asked <= 1 + len(times) // 2


@pytest.mark.parametrize(
    ("times", "words"),
    [([5] * 3, "within one millisecond"), (list(range(40)), "more than 15 incomes")],
)
def test_too_many_are_no_silent_half(three_a_page, times, words):
    with pytest.raises(IncomesError, match=words):
        incomes(Client(times), 0, 100)


def test_pages_of_the_venue(desk, monkeypatch):
    from perpkit.ops.bot_config import read_config
    from perpkit.ops.exchange import exchange_client

    client = exchange_client(read_config(desk.files, desk.folder).config)
    until = client.milliseconds()
    whole = incomes(client, 0, until)
    monkeypatch.setattr(incomes_module, "MOST_ROWS", 4)
    assert incomes(client, 0, until) == whole
    assert len(whole) == len(desk.account.incomes)

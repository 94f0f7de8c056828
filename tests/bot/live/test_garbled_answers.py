"""Answers that are no JSON, as a bot's requests see them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import ccxt
import pytest

from perpkit.bot.live.garbled_answers import refuse_garbled
from perpkit.bot.positions.trade_lock import TradeLock

CLIENTS = ["_api", "_api_async"]
URL = "https://fapi.binance.com/fapi/v1/openAlgoOrders?timestamp=1&signature=secret"


def asked(client, answer):
    """What a request of a bot's client gives that is answered so."""

    async def fetch(*_):
        return answer

    sync, other = SimpleNamespace(fetch=lambda *_: answer), SimpleNamespace(fetch=fetch)
    exchange = SimpleNamespace(_api=sync, _api_async=other)
    refuse_garbled(SimpleNamespace(exchange=exchange, _exit_lock=TradeLock()))
    found = getattr(exchange, client).fetch(URL, "GET")
    return asyncio.run(found) if client == "_api_async" else found


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("answer", [{}, [], {"code": 200}, [{"symbol": "BTCUSDT"}]])
def test_json_is_passed_on(client, answer):
    assert asked(client, answer) is answer


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("answer", ["", "<html>504</html>", b"\x89PNG", None, 7, '{"symbol": "BT'])
def test_anything_else_is_an_error_of_the_exchange(client, answer):
    with pytest.raises(ccxt.BadResponse) as raised:
        asked(client, answer)
    said = str(raised.value)
    assert said.startswith("GET /fapi/v1/openAlgoOrders: the answer is no JSON: ")
    assert "secret" not in said


def test_of_a_long_answer_its_beginning_is_shown():
    with pytest.raises(ccxt.BadResponse) as raised:
        asked("_api", "<html>" * 1000)
    assert len(str(raised.value)) < 200

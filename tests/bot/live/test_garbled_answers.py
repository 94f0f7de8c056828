"""Answers that are no JSON, as a bot's requests see them."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt
import pytest

from perpkit.bot.live.garbled_answers import refuse_garbled
from perpkit.bot.positions.trade_lock import TradeLock

URL = "https://fapi.binance.com/fapi/v1/openAlgoOrders?timestamp=1&signature=secret"


def bot_answered(answer):
    api = SimpleNamespace(id="binance", fetch=lambda *_: answer)
    bot = SimpleNamespace(exchange=SimpleNamespace(_api=api), _exit_lock=TradeLock())
    refuse_garbled(bot)
    return api


@pytest.mark.parametrize("answer", [{}, [], {"code": 200}, [{"symbol": "BTCUSDT"}]])
def test_json_is_passed_on(answer):
    assert bot_answered(answer).fetch(URL) is answer


@pytest.mark.parametrize("answer", ["", "<html>504</html>", b"\x89PNG", None, 7, '{"symbol": "BT'])
def test_anything_else_is_an_error_of_the_exchange(answer):
    with pytest.raises(ccxt.BadResponse) as raised:
        bot_answered(answer).fetch(URL, "GET")
    said = str(raised.value)
    assert said.startswith("binance GET /fapi/v1/openAlgoOrders: the answer is no JSON: ")
    assert "secret" not in said


def test_of_a_long_answer_its_beginning_is_shown():
    with pytest.raises(ccxt.BadResponse) as raised:
        bot_answered("<html>" * 1000).fetch(URL)
    assert len(str(raised.value)) < 200

"""What the state file's figures rely on in Freqtrade and ccxt."""

from __future__ import annotations

import inspect
from copy import copy
from datetime import timedelta
from unittest import mock

import ccxt
import pandas as pd
import pytest
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType, RunMode
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import PairLocks
from requests import Response

from tests.factories import START as NOW

pytestmark = pytest.mark.contract

BTC = "BTC/USDT:USDT"


def test_the_pairs_of_a_cycle_are_known_before_they_are_analysed():
    source = inspect.getsource(FreqtradeBot.process)
    known = source.index("self.active_pair_whitelist = self._refresh_active_whitelist(trades)")
    assert known < source.index("self.strategy.analyze(self.active_pair_whitelist)")
    assert "self.active_pair_whitelist: list[str] = []" in inspect.getsource(FreqtradeBot.__init__)


@pytest.mark.parametrize("mode", [RunMode.LIVE, RunMode.DRY_RUN])
def test_the_candles_that_were_analysed_are_returned_as_they_are(default_futures_config, mode):
    config = {**default_futures_config, "runmode": mode, "candle_type_def": CandleType.FUTURES}
    dp = DataProvider(config, None)
    frame, _ = dp.get_analyzed_dataframe(BTC, "1h")
    assert frame.empty
    analysed = pd.DataFrame({"date": [NOW]})
    dp._set_cached_df(BTC, "1h", analysed, CandleType.FUTURES)
    assert dp.get_analyzed_dataframe(BTC, "1h")[0] is analysed


def test_locks_without_a_pair_are_all_that_are_in_force(trade_database, monkeypatch):
    monkeypatch.setattr(PairLocks, "timeframe", "1m")
    for pair, hours in ((BTC, 1), ("*", 2), ("ETH/USDT:USDT", -1)):
        PairLocks.lock_pair(pair, NOW + timedelta(hours=hours), "why", now=NOW)
    found = PairLocks.get_pair_locks(None, NOW)
    assert {(lock.pair, lock.side, lock.reason) for lock in found} == {
        (BTC, "*", "why"),
        ("*", "*", "why"),
    }


def answer(status: int, **headers: str) -> Response:
    found = Response()
    found.status_code, found._content, found.reason, found.url = status, b"{}", "", "https://x"
    found.headers.update(headers)
    return found


def test_the_headers_of_an_answer_are_kept_and_are_a_new_object(futures_exchange):
    client = copy(futures_exchange._api)
    client.session = mock.Mock(headers={}, cookies={})
    seen = []
    for status, weight in ((200, "1"), (400, "2")):
        client.session.request.return_value = answer(status, **{"X-MBX-USED-WEIGHT-1M": weight})
        try:
            client.fetch("https://fapi.binance.com/fapi/v1/time")
        except ccxt.BaseError:
            assert status == 400  # of an error they are kept, too
        seen.append(client.last_response_headers)
    assert [dict(each) for each in seen] == [
        {"X-MBX-USED-WEIGHT-1M": "1"},
        {"X-MBX-USED-WEIGHT-1M": "2"},
    ]
    client.session.request.side_effect = TimeoutError
    with pytest.raises(Exception):  # noqa: B017, PT011
        client.fetch("https://fapi.binance.com/fapi/v1/time")
    assert client.last_response_headers is seen[-1]

"""The running prices of all pairs, in one request a loop."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ccxt import NotSupported
from freqtrade.data.dataprovider import DataProvider

from perpkit.bot.watching.beside import Beside, client_of

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
# As long as candles may be late, see `perpkit.bot.watching.candle_breaker`.
BLIND_AFTER = timedelta(minutes=5)

# The price of the last trade of each pair, and a figure that another trade changes: its time, or
# the volume of the day; None if neither is known.
Prices = Mapping[str, tuple[float, float | None]]


class RunningPrices:
    """The prices of the last trades at the exchange that a running bot trades at.

    Binance's GET /fapi/v2/ticker/price has all symbols and weighs at most 2. Of other exchanges
    ccxt has the tickers, in one request, too.
    """

    def __init__(self, dp: DataProvider) -> None:
        exchange: Any = dp._exchange
        self._client = client_of(exchange, TIMEOUT_S)
        self._beside: Beside[Prices | str] = Beside(self._ask, TIMEOUT_S)
        self._newest: Prices = {}
        self._failing = False
        self._seen: datetime | None = None

    def look(self, now: datetime) -> Mapping[str, float]:
        """Returns the prices of the trades that no earlier look has shown, by pair.

        Call it every loop. It never raises, and waits a tenth of a second at most. It is empty
        while no answer has come.
        """
        if self._seen is None:
            self._seen = now
        try:
            found = self._beside.answer()
        except TimeoutError:
            found = f"no answer within {TIMEOUT_S:g} s"
        if found is None:
            return {}
        if isinstance(found, str):
            if not self._failing:
                logger.warning(f"No running prices: {found}.")
            self._failing = True
            return {}
        self._failing, self._seen = False, now
        before, self._newest = self._newest, found
        return {
            pair: price
            for pair, (price, traded) in found.items()
            if traded is None or pair not in before or before[pair][1] != traded
        }

    def blind_since(self, now: datetime) -> datetime | None:
        """Returns when the last answer came, if that is too long ago to rely on it."""
        last = self._seen
        return last if last is not None and now - last > BLIND_AFTER else None

    def _ask(self) -> Prices | str:
        try:
            return self._last_trades()
        except Exception as error:  # after any error the prices are unknown
            return type(error).__name__

    def _last_trades(self) -> Prices:
        try:
            trades = self._client.fetch_last_prices()
        except NotSupported:
            return {
                pair: (float(one["last"]), one["baseVolume"] or one["quoteVolume"])
                for pair, one in self._client.fetch_tickers().items()
                if one["last"] is not None
            }
        return {
            pair: (float(one["price"]), one["timestamp"])
            for pair, one in trades.items()
            if one["price"] is not None
        }

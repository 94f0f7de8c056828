import logging
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType, TradingMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting

from perpkit.bot.candles.candles import StoredCandles
from perpkit.bot.pairlists.base import FuturesPairList
from perpkit.bot.pairlists.readings import asked_interest, interest_at, stored_interest
from perpkit.bot.pairlists.requests import PairRequests
from perpkit.market.asof import KnownReadings
from perpkit.market.exchanges import facts_of
from perpkit.market.open_interest import InterestBand
from perpkit.market.store import StoreError

logger = logging.getLogger(__name__)


class OpenInterestPairList(FuturesPairList):
    """Selects the pairs with the highest value of open positions, the highest first.

    As the first pairlist it selects from all pairs, further down from those of the pairlists before
    it. See docs/pairlists.md.
    """

    RULE = InterestBand
    HINDSIGHT = "what interest they found later"
    is_pairlist_generator = True
    supports_backtesting = SupportsBacktesting.YES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self._config["exchange"]["name"]
        if not facts_of(name).values_interest:  # a running bot would know no pair
            raise ConfigurationError(
                f'{self.name}: "exchange.name" must be binance, whose history of open interest has '
                f"the value by which pairs are ranked, got {name!r}"
            )
        self._datadir = Path(self._config["datadir"])
        self._universe: list[str] = []
        self._stored: dict[str, list[KnownReadings]] = {}
        self._candles: StoredCandles | None = None
        self._asked = PairRequests(self._exchange, self._ask, self._period, self._patience)

    @property
    def needstickers(self) -> bool:
        return not self._simulated

    def short_desc(self) -> str:
        limits = "".join(f", {limit}" for limit in self.rule.description())
        return f"{self.name} - top {self.rule.number_assets} by open interest{limits}."

    @staticmethod
    def description() -> str:
        return "Provides the futures pairs with the most open interest."

    def gen_pairlist(self, tickers: Tickers) -> list[str]:
        if self._simulated:
            # Before the run, Freqtrade asks for all pairs that may be selected in it.
            if not self._universe:
                self._universe = self._backtestable()
            if self._static or not self.clock.started:
                return self._universe.copy()
            return self._top(self._universe)
        markets = self._exchange.get_markets(
            quote_currencies=[self._config["stake_currency"]], tradable_only=True, active_only=True
        )
        return self._top(
            self._candidates(self.verify_blacklist(list(markets), logger.info), tickers)
        )

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._static:
            return pairlist
        return self._top(pairlist if self._simulated else self._candidates(pairlist, tickers))

    def _candidates(self, pairs: list[str], tickers: Tickers) -> list[str]:
        volumes = {pair: (tickers.get(pair) or {}).get("quoteVolume") for pair in pairs}
        return self.rule.candidates(volumes)

    def _top(self, pairs: list[str]) -> list[str]:
        now = self.now()
        at = self.candle(now)
        if not self._simulated:
            self.say_failed("open interest", self._asked.refresh(pairs, now))
            readings = {pair: [r] if (r := self._asked.latest(pair, now)) else [] for pair in pairs}
        else:
            readings = {pair: self._of(pair) for pair in pairs}
        known = {pair: interest_at(of_pair, at) for pair, of_pair in readings.items()}
        unknown = {pair: "the open interest" for pair in pairs if not self.rule.knows(known[pair])}
        self.say(pairs, unknown, {})
        return self.rule.top(known)

    def _backtestable(self) -> list[str]:
        """Every pair in the data directory that can be backtested and ranked."""
        handler = get_datahandler(self._datadir, self._config["dataformat_ohlcv"])
        stored = set(handler.ohlcv_get_available_data(self._datadir, TradingMode.FUTURES))
        pairs = sorted(
            pair
            for pair, timeframe, kind in stored
            if (timeframe, kind) == (self._timeframe, CandleType.FUTURES)
            and {(pair, "1h", CandleType.MARK), (pair, "1h", CandleType.FUNDING_RATE)} <= stored
            and self._of(pair)
        )
        pairs = self._whitelist_for_active_markets(pairs)
        if not pairs:
            raise ConfigurationError(
                f"{self.name}: no pair in {self._datadir} has open interest beside its candles, "
                "mark prices and funding: see `perpkit data` in docs/data.md"
            )
        return pairs

    def _of(self, pair: str) -> list[KnownReadings]:
        """Stored open interest of a pair, read once in a backtest."""
        if pair not in self._stored:
            if self._candles is None:
                self._candles = StoredCandles(self._config)
            marks = self._candles.history(pair, "1h", CandleType.MARK, timedelta(0))
            try:
                self._stored[pair] = stored_interest(
                    self._datadir, pair, self._timeframe, self.rule.change_hours, marks
                )
            except StoreError as error:
                self._stored[pair] = []
                self.log_once(f"{self.name}: {error}", logger.warning, True)
        return self._stored[pair]

    def _ask(self, pair: str) -> Awaitable[KnownReadings]:
        return asked_interest(self._exchange, pair, self._timeframe, self.rule.change_hours)

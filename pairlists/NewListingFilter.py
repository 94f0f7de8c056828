import logging
from datetime import datetime
from typing import Any

from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import market_is_active
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting
from freqtrade.util import dt_from_ts

from perpkit.bot.pairlists.base import FuturesPairList
from perpkit.market.listing import ListingRule

logger = logging.getLogger(__name__)


class NewListingFilter(FuturesPairList):
    """Removes pairs that were listed recently, and those whose delisting is announced.

    Both dates are in the exchange's list of contracts, which Freqtrade reloads every hour. A
    backtest knows when a pair was listed, but not when its delisting was announced. See
    docs/pairlists.md.
    """

    RULE = ListingRule
    HINDSIGHT = "how old they became"
    supports_backtesting = SupportsBacktesting.YES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self._exchange.get_option("has_delisting"):
            raise ConfigurationError(
                f"{self.name}: exchange.name must be one that announces delistings, "
                f"got {self._exchange.name!r}"
            )
        self._listed: dict[str, datetime | None] = {}
        if self._simulated and not self._static:
            logger.warning(f"{self.name}: delistings are not looked at in a backtest.")

    def short_desc(self) -> str:
        rule = self.rule
        most = f" to {rule.max_days_listed:g}" if rule.max_days_listed else ""
        ends = f" within {rule.delisting_days:g} days" if rule.delisting_days else ""
        return (
            f"{self.name} - listed for {rule.min_days_listed:g}{most} days or more, "
            f"no delisting{ends}."
        )

    @staticmethod
    def description() -> str:
        return "Filter futures pairs by their time since listing, and those to be delisted."

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._static:
            return pairlist
        now = self.now()
        unknown, removed = {}, {}
        for pair in pairlist:
            market = self._exchange.markets.get(pair, {})
            listed = self._listed_at(pair, market)
            if listed is None:
                unknown[pair] = "the listing date"
            elif objection := self._objection(pair, market, listed, now):
                removed[pair] = objection
        self.say(pairlist, unknown, removed)
        return [pair for pair in pairlist if pair not in unknown and pair not in removed]

    def _listed_at(self, pair: str, market: dict[str, Any]) -> datetime | None:
        if pair in self._listed:
            return self._listed[pair]
        created = market.get("created")
        listed = dt_from_ts(created) if created else None
        if self._simulated:
            # The date is that of the newest listing: earlier candles show an earlier one.
            first = self._first_candle(pair)
            listed = self._listed[pair] = min(filter(None, (listed, first)), default=None)
        return listed

    def _first_candle(self, pair: str) -> datetime | None:
        handler = get_datahandler(self._config["datadir"], self._config["dataformat_ohlcv"])
        first, _, rows = handler.ohlcv_data_min_max(pair, self._timeframe, CandleType.FUTURES)
        return first if rows else None

    def _objection(
        self, pair: str, market: dict[str, Any], listed: datetime, now: datetime
    ) -> str | None:
        if too_young_or_old := self.rule.age_objection(listed, now):
            return too_young_or_old
        if self._simulated:
            return None
        if not market_is_active(market):
            return f"its status is {market.get('info', {}).get('status', 'unknown')}"
        # Freqtrade's public check works only in dry-run and live, but `test-pairlist` needs it too.
        return self.rule.end_objection(self._exchange._check_delisting_futures(pair), now)

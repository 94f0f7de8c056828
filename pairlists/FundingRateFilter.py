import logging
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from freqtrade.constants import Config
from freqtrade.enums import OPTIMIZE_MODES, CandleType
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import Exchange
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import IPairList, PairlistParameter, SupportsBacktesting
from freqtrade.util import dt_now, dt_ts

from perpkit.bot.backtest_clock import BacktestClock
from perpkit.bot.candles import StoredCandles, is_simulated
from perpkit.bot.protection import only_known_keys
from perpkit.market.asof import KnownReadings
from perpkit.market.funding import DEFAULT_RULE, funding_readings
from perpkit.market.funding_band import Funding, FundingBand

logger = logging.getLogger(__name__)

TIMEFRAME = "1h"
COLUMNS = ("funding_rate_8h", "funding_rank")


class FundingRateFilter(IPairList):
    """Keeps pairs whose settled funding lies in a band, and can rank them by it.

    Live and in backtests the same rates decide: those that had settled an hour before, so that a
    backtest knows no more than the bot would have. See docs/pairlists.md.
    """

    is_pairlist_generator = False
    supports_backtesting = SupportsBacktesting.YES

    def __init__(
        self,
        exchange: Exchange,
        pairlistmanager: Any,
        config: Config,
        pairlistconfig: dict[str, Any],
        pairlist_pos: int,
    ) -> None:
        # FreqUI sends what is left empty as null or as an empty string.
        filled = {key: value for key, value in pairlistconfig.items() if value not in (None, "")}
        super().__init__(exchange, pairlistmanager, config, filled, pairlist_pos)
        names = {field.name for field in fields(FundingBand)}
        given = only_known_keys(self.name, filled, names | {"refresh_period"})
        period = given.pop("refresh_period", 1800)
        if type(period) not in (int, float) or not 1 <= period <= 86400:
            raise ConfigurationError(
                f"{self.name}: refresh_period must be 1 to 86400 seconds, got {period!r}"
            )
        try:
            self._band = FundingBand(**given)
        except ValueError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        if config.get("trading_mode") != "futures":
            raise ConfigurationError(
                f"{self.name}: trading_mode must be futures, got {config.get('trading_mode')!r}: "
                "spot pairs have no funding"
            )
        self._retry = timedelta(seconds=period)
        self._funding: dict[str, KnownReadings] = {}
        self._fetch_at: dict[str, datetime] = {}
        self._unknown: set[str] = set()
        self._stored: StoredCandles | None = None
        self._clock: BacktestClock | None = None

        self._simulated = is_simulated(config)
        self._dynamic = bool(config.get("enable_dynamic_pairlist"))
        if not self._dynamic and config["runmode"] in OPTIMIZE_MODES:
            logger.warning(
                f"{self.name} lets all pairs through: chosen once for the whole run, they would be "
                "chosen by what funding became later. Backtest with --enable-dynamic-pairlist."
            )

    def short_desc(self) -> str:
        band = self._band
        parts = [
            _range("funding per 8h", band.min_funding_rate_8h, band.max_funding_rate_8h, ".4%"),
            _range("funding percentile", band.min_percentile, band.max_percentile, "g"),
            f"sorted {band.sort}" if band.sort != "none" else "",
            f"the first {band.number_assets}" if band.number_assets else "",
        ]
        return f"{self.name} - {', '.join(part for part in parts if part) or 'any known funding'}."

    @staticmethod
    def description() -> str:
        return "Filter and rank futures pairs by their funding rate."

    @staticmethod
    def available_parameters() -> dict[str, PairlistParameter]:
        return {
            "min_funding_rate_8h": {
                "type": "number",
                "default": None,
                "description": "Minimum funding rate per 8h",
                "help": "As a fraction per 8 hours, whatever the pair's own interval: 0.0001 is "
                "0.01%. Negative rates are paid by shorts.",
            },
            "max_funding_rate_8h": {
                "type": "number",
                "default": None,
                "description": "Maximum funding rate per 8h",
                "help": "As a fraction per 8 hours, whatever the pair's own interval.",
            },
            "min_percentile": {
                "type": "number",
                "default": None,
                "description": "Minimum percentile",
                "help": "Of the pair's own last 30 days, 0 to 100.",
            },
            "max_percentile": {
                "type": "number",
                "default": None,
                "description": "Maximum percentile",
                "help": "Of the pair's own last 30 days, 0 to 100.",
            },
            "sort": {
                "type": "option",
                "default": "none",
                "options": ["none", "asc", "desc"],
                "description": "Sort by funding rate",
                "help": "Lowest rate first (asc), highest first (desc), or as the pairs came.",
            },
            "number_assets": {
                "type": "number",
                "default": 0,
                "description": "Number of assets",
                "help": "Pairs to keep, the first in that order. 0 keeps all.",
            },
            "keep_unknown": {
                "type": "boolean",
                "default": False,
                "description": "Keep pairs with unknown funding",
                "help": "Unknown is: no rates, rates that stopped, or, where a percentile binds, "
                "less than 7 days of them.",
            },
            **IPairList.refresh_period_parameter(),
        }

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._simulated and not self._dynamic:
            return pairlist
        now = self._backtest_time() if self._simulated else dt_now()
        if self._simulated:
            self._load(pairlist)
        else:
            self._fetch(pairlist, now)
        funding: dict[str, Funding | None] = {}
        for pair in pairlist:
            known = self._funding[pair].at(now) if pair in self._funding else None
            funding[pair] = Funding(*known) if known else None
        self._say(funding)
        return self._band.choose(pairlist, funding)

    def _backtest_time(self) -> datetime:
        if self._clock is None:
            self._clock = BacktestClock(
                self._pairlistmanager._dataprovider, self._config["timeframe"]
            )
        return self._clock.tick()

    def _load(self, pairs: list[str]) -> None:
        """Stored funding of the pairs that are new; once a backtest."""
        for pair in pairs:
            if pair not in self._funding:
                if self._stored is None:
                    self._stored = StoredCandles(self._config)
                rates = self._stored.history(
                    pair, TIMEFRAME, CandleType.FUNDING_RATE, DEFAULT_RULE.window
                )
                self._funding[pair] = KnownReadings(funding_readings(rates), COLUMNS)

    def _fetch(self, pairs: list[str], now: datetime) -> None:
        """Funding history from the exchange, of the pairs whose next rate should be out.

        What cannot be fetched stays as it was, until it is too old to be used.
        """
        due = [pair for pair in pairs if now >= self._fetch_at.get(pair, now)]
        if not due:
            return
        combinations = [(pair, TIMEFRAME, CandleType.FUNDING_RATE) for pair in due]
        # A day more than the window, for the interval of its first rate.
        since = now - DEFAULT_RULE.window - timedelta(days=1)
        fetched = self._exchange.refresh_latest_ohlcv(
            combinations, since_ms=dt_ts(since), cache=False
        )
        missing = []
        for combination in combinations:
            pair = combination[0]
            self._fetch_at[pair] = now + self._retry
            if combination not in fetched:
                missing.append(pair)
                continue
            readings = funding_readings(fetched[combination])
            self._funding[pair] = KnownReadings(readings, COLUMNS)
            if not readings.empty:
                last = readings.iloc[-1]
                following = last["known_at"] + timedelta(hours=last["funding_interval_hours"])
                self._fetch_at[pair] = max(self._fetch_at[pair], following.to_pydatetime())
        if missing:
            self.log_once(
                f"{self.name} could not fetch the funding of {', '.join(sorted(missing))}: going "
                "by the last known rates.",
                logger.warning,
                True,
            )

    def _say(self, funding: dict[str, Funding | None]) -> None:
        """Says once that funding is unknown, and live also why a pair was removed."""
        for pair, known in funding.items():
            if known is None or not self._band.knows(known):
                if pair not in self._unknown:
                    self._unknown.add(pair)
                    fate = "kept" if self._band.keep_unknown else "removed"
                    logger.warning(f"{self.name}: the funding of {pair} is unknown. It is {fate}.")
                continue
            self._unknown.discard(pair)
            if not self._simulated and (objection := self._band.objection(known)):
                self.log_once(f"Removed {pair} from whitelist, because {objection}.", logger.info)


def _range(what: str, low: float | None, high: float | None, spec: str) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"{what} up to {high:{spec}}"
    return f"{what} from {low:{spec}}" + ("" if high is None else f" to {high:{spec}}")

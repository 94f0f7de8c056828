import logging
from dataclasses import replace
from typing import Any

from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting

from perpkit.bot.pairlists.base import FuturesPairList
from perpkit.bot.pairlists.requests import PairRequests
from perpkit.execution.book import Book, NoBook, read_book
from perpkit.execution.liquidity import LiquidityRule

logger = logging.getLogger(__name__)


class LiquidityFilter(FuturesPairList):
    """Keeps pairs whose order book is deep enough for the orders to be placed.

    It works only in dry-run and live: books are not stored, so backtests keep all pairs. See
    docs/pairlists.md.
    """

    RULE = LiquidityRule
    supports_backtesting = SupportsBacktesting.NO_ACTION

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stake = self._config.get("stake_amount")
        if self.rule.stake is None and isinstance(stake, int | float):
            try:
                self.rule = replace(self.rule, stake=stake)
            except ValueError as error:
                raise ConfigurationError(f'{self.name}: "stake_amount" as {error}') from error
        self._books = PairRequests(self._exchange, self._ask, self._period, self._patience)

    def short_desc(self) -> str:
        rule = self.rule
        return (
            f"{self.name} - spread up to {rule.max_spread_bps:g} bps, {rule.min_depth:,.0f} within "
            f"{rule.depth_within:.2%}, {rule.notional:,.0f} at up to {rule.max_slippage_bps:g} bps."
        )

    @staticmethod
    def description() -> str:
        return "Filter futures pairs by what their order book can take."

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        if self._simulated:
            return pairlist
        now = self.now()
        self.say_failed("order book", self._books.refresh(pairlist, now))
        unknown, removed = {}, {}
        for pair in pairlist:
            book = self._books.latest(pair, now)
            if book is None:
                unknown[pair] = "the order book"
            elif objection := self.rule.objection(book, self._least_stake(pair, book)):
                removed[pair] = objection
        self.say(pairlist, unknown, removed)
        return [pair for pair in pairlist if pair not in unknown and pair not in removed]

    def _least_stake(self, pair: str, book: Book) -> float | None:
        """Smallest stake that Freqtrade will accept, with its reserve for the stop."""
        least: float | None = self._exchange.get_min_pair_stake_amount(
            pair, book.mid, self._config.get("stoploss", 0.0), self.rule.leverage
        )
        return least

    async def _ask(self, pair: str) -> Book:
        raw = await self._exchange._api_async.fetch_order_book(pair, self.rule.levels)
        book = read_book(raw, contract_size=self._exchange.get_contract_size(pair) or 1.0)
        if isinstance(book, NoBook):
            raise ValueError(book.reason)
        return book

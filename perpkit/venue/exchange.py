"""The exchange: market and engine kept at the same moment.

Nothing runs in the background. Before an account is looked at, everything that the market did since
the last look is shown to the engine, in order: each turn of the price, each funding settlement.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.candles import Kind
from perpkit.venue.engine import Contract, Depth, Engine, bundled_brackets
from perpkit.venue.invariants import Checker, Limits
from perpkit.venue.market import Market
from perpkit.venue.order_faults import OrderFaults, order_status, resting_limit
from perpkit.venue.visibility import Visibility

BOOK_LEVELS = 100


class Exchange:
    """:param market: what is traded; every symbol of it becomes a contract of the engine
    :param limits: what the invariants allow
    """

    def __init__(self, market: Market, limits: Limits | None = None) -> None:
        self.market = market
        self.checker = Checker(limits or Limits())
        instruments = map(market.instrument, market.symbols)
        self.engine = Engine(
            (Contract.of(each, bundled_brackets(each.pair)) for each in instruments),
            first_id=market.now(),
        )
        self.visibility = Visibility(market.faults)
        self._faults = OrderFaults(market.faults, self.engine)
        self._reached = dict.fromkeys(market.symbols, market.now())

    def catch_up(self, symbol: str | None = None) -> int:
        """Bring the engine to the present, for every symbol that an account holds or waits for.

        :param symbol: one that is about to be traded, too
        :return: the present, ms
        """
        now = self.market.now()
        for busy in self._busy():
            self._replay(busy, now)
        if symbol is not None and symbol in self._reached:
            self._show(symbol, now)
            self._reached[symbol] = now
        self._faults.change_settings(now)
        self.checker.observe(self.engine, now)
        return now

    def _busy(self) -> list[str]:
        """In the market's order, so that the same past gives the same present."""
        held = {
            holding.symbol
            for account in self.engine.accounts
            for holding in account.holdings.values()
            if holding.orders or holding.algos or any(holding.held())
        }
        return [symbol for symbol in self._reached if symbol in held]

    def _replay(self, symbol: str, now: int) -> None:
        since = self._reached[symbol]
        if now <= since:
            return
        market = self.market
        settlements = market.funding(symbol, start=since + 1, end=now, limit=1000)
        rates = dict(zip(settlements.time.tolist(), settlements.rate.tolist(), strict=True))
        for time in sorted({*market.turns(symbol, since, now), *rates, now}):
            self._show(symbol, time)
            if time in rates:
                mark = self.engine.contract(symbol).price(
                    market.as_of(time).price(symbol, Kind.MARK)
                )
                self.engine.on_funding(symbol, _decimal(rates[time]), mark, time)
        self._reached[symbol] = now

    def _show(self, symbol: str, time: int) -> None:
        market, contract = self.market.as_of(time), self.engine.contract(symbol)
        self.engine.set_status(symbol, order_status(market.listing(symbol).status))
        self.engine.on_price(
            symbol,
            contract.price(market.price(symbol)),
            contract.price(market.price(symbol, Kind.MARK)),
            Depth.of(contract, market.book(symbol, BOOK_LEVELS)),
            time,
            resting_limit=resting_limit(market.faults, self.engine, symbol, time),
        )
        self._faults.strike(symbol, time)


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.10f}")

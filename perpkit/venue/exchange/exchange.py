"""The exchange: market and engine kept at the same moment.

Nothing runs in the background. Before an account is read, the engine is shown everything that the
market did since the last catch-up: see `replay`.
"""

from __future__ import annotations

from perpkit.venue.engine import Contract, Engine, bundled_brackets
from perpkit.venue.exchange.invariants import Checker, InvariantLimits
from perpkit.venue.exchange.listen_keys import ListenKeys
from perpkit.venue.exchange.order_faults import OrderFaults
from perpkit.venue.exchange.replay import Replay
from perpkit.venue.exchange.visibility import Visibility
from perpkit.venue.market.market import Market


class Exchange:
    """A market and the engine on which accounts trade it.

    :param market: every symbol of it becomes a contract of the engine
    :param limits: what the invariants allow
    """

    def __init__(self, market: Market, limits: InvariantLimits | None = None) -> None:
        self.market = market
        self.checker = Checker(limits or InvariantLimits())
        instruments = map(market.instrument, market.symbols)
        self.engine = Engine(
            (Contract.of(each, bundled_brackets(each.pair)) for each in instruments),
            first_id=market.now(),
        )
        self.visibility = Visibility(market.faults)
        self.listen_keys = ListenKeys()
        self._faults = OrderFaults(market.faults, self.engine)
        self._replay = Replay(market, self.engine, self._faults)
        self._reached = market.now()

    def catch_up(self, symbol: str | None = None) -> int:
        """Brings the engine to the present for every symbol with a position or an open order.

        :param symbol: a further symbol, which is about to be traded
        :return: the present, ms
        """
        now = self.market.now()
        self._replay.run(self._busy(), self._reached, now)
        self._reached = now
        if symbol is not None and symbol in self.market.symbols:
            self._replay.show(symbol, now)
        self._faults.change_settings(now)
        self.checker.observe(self.engine, now)
        return now

    def _busy(self) -> list[str]:
        """Returns those symbols in the market's order: the same past gives the same present."""
        held = {
            holding.symbol
            for account in self.engine.accounts
            for holding in account.holdings.values()
            if holding.orders or holding.algos or any(holding.held())
        }
        return [symbol for symbol in self.market.symbols if symbol in held]

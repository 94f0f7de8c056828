"""What the exchanges do differently: the one place where they are kept apart.

Every other module asks `facts_of` and reads a field, or has `known_as` look for its name; none
compares names, but `perpkit.rehearsal.redirection`, which may not import this one.
docs/exchanges.md says which part works where, and how that was tested. Sources: ccxt's parsers, and
the documentation of Binance USD-M, Bybit v5 and OKX v5.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from math import isfinite
from types import MappingProxyType
from typing import Any


class TierMargin(Enum):
    """How the maintenance margin of a position follows from the tier that its value lies in."""

    STATED = auto()  # value x rate, less an amount that the exchange states with each tier
    IN_PARTS = auto()  # each part of the value at the rate of its own tier
    OF_WHOLE = auto()  # the whole value at the rate of the tier


@dataclass(frozen=True)
class ExchangeFacts:
    """
    :param title: its name for people
    :param keeps_orders: the live parts know how its orders, stops and positions are looked up: stop
        guard, journal, reconciliation, booking, and the commands that use an API key
    :param tier_margin: how its leverage tiers are meant
    :param tiers_in_contracts: the bounds of its tiers are contracts, not quote currency
    :param market_lots: where its market structure in ccxt's format has the largest market order, in
        contracts; the smallest of several counts
    :param ends: the field of its own market structure with the end of a perpetual, in ms since
        1970 UTC; "" if there is none
    :param dated_at_beginning: the time of a long/short ratio is taken for the beginning of its
        period, as it is not said to be the end
    :param values_interest: its history of open interest has the value in quote currency
    :param premium_index: ccxt fetches candles of it; of others it gives those of the price instead
    :param brings_tiers: Freqtrade has leverage tiers of it that were stored with its release
    :param balance_has_open_profit: the total of its balance in ccxt's format is the account's
        equity, with the profit of open positions, and not what lies in the wallet
    """

    title: str
    keeps_orders: bool = False
    tier_margin: TierMargin = TierMargin.STATED
    tiers_in_contracts: bool = False
    market_lots: tuple[tuple[str, ...], ...] = (("limits", "market", "max"),)
    ends: str = ""
    dated_at_beginning: bool = True
    values_interest: bool = False
    premium_index: bool = False
    brings_tiers: bool = False
    balance_has_open_profit: bool = False

    def market_lot(self, market: Mapping[str, Any]) -> float | None:
        """Returns the largest market order, in contracts; None if there is no limit.

        :param market: in ccxt's format

        >>> facts = facts_of("bybit")
        >>> facts.market_lot({"info": {"lotSizeFilter": {"maxMktOrderQty": "100.000"}}})
        100.0
        """
        found = (_number(market, path) for path in self.market_lots)
        return min((lot for lot in found if lot is not None), default=None)

    def end_ms(self, market: Mapping[str, Any]) -> int | None:
        """Returns when a contract ends, in ms since 1970 UTC; None if nothing is stated.

        >>> facts_of("bybit").end_ms({"info": {"deliveryTime": "0"}})
        """
        end = _number(market, ("info", self.ends)) if self.ends else None
        return int(end) if end is not None else None

    def ratio_date_delay(self, period: timedelta) -> timedelta:
        """Returns what the date of a long/short ratio in the store is later than its time.

        >>> facts_of("bybit").ratio_date_delay(timedelta(hours=1)).seconds
        3600
        """
        return period if self.dated_at_beginning else timedelta(0)


DEFAULT_EXCHANGE = "binance"
# The live parts that need `keeps_orders`, by name; without them Freqtrade sends and tracks orders.
BINANCE_ONLY = (
    "stop guard",
    "journal of orders",
    "reconciliation",
    "booking of funding and commissions",
    "check of the account's settings",
    "count of requests",
)
_BINANCE = ExchangeFacts(
    "Binance",
    keeps_orders=True,
    ends="deliveryDate",
    dated_at_beginning=False,
    values_interest=True,
    premium_index=True,
    brings_tiers=True,
    balance_has_open_profit=True,
)
# Of a tier without an amount nothing is taken off, as on an exchange that has no such amounts.
_OTHER = ExchangeFacts("", tier_margin=TierMargin.OF_WHOLE)
# Of those that Freqtrade trades futures on too, only the balance is known.
_EQUITY = replace(_OTHER, balance_has_open_profit=True)
# By Freqtrade's and ccxt's names of an exchange.
EXCHANGES: Mapping[str, ExchangeFacts] = MappingProxyType(
    {
        DEFAULT_EXCHANGE: _BINANCE,
        "binanceusdm": _BINANCE,
        "binanceus": _BINANCE,
        "bybit": ExchangeFacts(
            "Bybit",
            # `mmDeduction` of /v5/market/risk-limit; Freqtrade keeps only Binance's `cum`.
            tier_margin=TierMargin.IN_PARTS,
            market_lots=(("info", "lotSizeFilter", "maxMktOrderQty"),),
            ends="deliveryTime",
            premium_index=True,
        ),
        "okx": ExchangeFacts(
            "OKX",
            # `minSz` and `maxSz` of /api/v5/public/position-tiers, which ccxt names notional.
            tier_margin=TierMargin.OF_WHOLE,
            tiers_in_contracts=True,
            # A stop is a market order of a kind that has its own limit.
            market_lots=(("info", "maxMktSz"), ("info", "maxStopSz")),
            ends="expTime",
            balance_has_open_profit=True,  # `eq`; Bybit's is `walletBalance`
        ),
        "bitget": replace(_EQUITY, title="Bitget"),
        "hyperliquid": replace(_EQUITY, title="Hyperliquid"),
        # In USD, which Freqtrade makes of the account's margin equity.
        "krakenfutures": replace(_EQUITY, title="Kraken Futures"),
    }
)


def facts_of(name: object) -> ExchangeFacts:
    """Returns what is known of an exchange; of one that is not listed, what is safe to assume.

    :param name: as in `exchange.name` of a configuration, or Freqtrade's `Exchange.id`

    >>> facts_of("bybit").title, facts_of("kraken").keeps_orders
    ('Bybit', False)
    """
    known = known_as(name, EXCHANGES)
    return _OTHER if known is None else EXCHANGES[known]


def facts_at(exchange: Any) -> ExchangeFacts:
    """As `facts_of`, of Freqtrade's exchange, also in a process of hyperopt: Freqtrade takes the
    ccxt client away there, and with it `Exchange.id`.
    """
    try:
        name = exchange.id
    except AttributeError:
        name = exchange._config["exchange"]["name"]
    return facts_of(name)


def known_as(name: object, names: Collection[str]) -> str | None:
    """Returns which of `names` an exchange has; None for none of them.

    :param name: as for `facts_of`, in capitals or not

    >>> known_as("Bybit", ("bybit", "okx"))
    'bybit'
    """
    # Freqtrade marks a demo account in the name.
    plain = str(name).lower().removesuffix("_demo")
    return plain if plain in names else None


def named(names: Sequence[str]) -> str:
    """Returns names as a sentence has them.

    >>> named(("one", "two", "three"))
    'one, two and three'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _number(market: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    """Returns a number above 0 inside a market structure; None where there is none."""
    found: Any = market
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    try:
        value = float(found)
    except (TypeError, ValueError):
        return None
    return value if isfinite(value) and value > 0 else None

"""One trade of a backtest or of a bot, as the tools of research see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from perpkit.risk.equity import Fill, Settlement, TradeLedger


class TradeFill(NamedTuple):
    """A filled order.

    :param at: seconds since 1970 UTC
    :param amount: in base currency, above 0, after a fee that was paid in it
    :param funding: booked with it: settled since the previous fill; 0 in exports
    """

    at: float
    amount: float
    rate: float
    is_entry: bool
    tag: str = ""
    funding: float = 0.0


class StopLevel(NamedTuple):
    """Where the stop of a trade stood from a time on.

    :param at: seconds since 1970 UTC
    """

    at: float
    rate: float


@dataclass(frozen=True)
class Trade:
    """Money is in stake currency, rates in stake currency per unit, times in s since 1970 UTC.

    :param profit: realised; of an open trade, by its partial exits
    :param ratio: profit as Freqtrade computes it, as a share of the stake
    :param fee_open, fee_close: fractions of the value traded
    :param funding: as booked, positive when received
    :param lowest, highest: rates while it was open, as far as recorded
    :param first_stop: rate of the first stop; None if that is not recorded
    :param last_stop: rate of the newest stop; None if that is not recorded
    :param stops: all of its stops, oldest first; empty if they are not recorded
    :param liquidation: rate at which the exchange would have closed it; None if not known
    :param slippage_bps: of the entry, against the middle of the order book; None if not recorded
    """

    pair: str
    is_short: bool
    leverage: float
    opened: float
    closed: float | None
    profit: float
    ratio: float
    fee_open: float
    fee_close: float
    funding: float
    fills: tuple[TradeFill, ...]
    enter_tag: str = ""
    exit_reason: str = ""
    lowest: float | None = None
    highest: float | None = None
    first_stop: float | None = None
    last_stop: float | None = None
    stops: tuple[StopLevel, ...] = ()
    liquidation: float | None = None
    slippage_bps: float | None = None

    @property
    def side(self) -> str:
        return "short" if self.is_short else "long"

    @property
    def entry_rate(self) -> float:
        """The average rate of all entries."""
        entries = [fill for fill in self.fills if fill.is_entry]
        amount = sum(fill.amount for fill in entries)
        return sum(fill.amount * fill.rate for fill in entries) / amount if amount else 0.0

    @property
    def entered(self) -> float:
        """The value of all entries."""
        return sum(fill.amount * fill.rate for fill in self.fills if fill.is_entry)

    @property
    def fees(self) -> float:
        return sum(fill.amount * fill.rate * self.fee_of(fill) for fill in self.fills)

    @property
    def r_multiple(self) -> float | None:
        """The profit in units of what its first entry would have lost at its first stop."""
        first = next((fill for fill in self.fills if fill.is_entry), None)
        if first is None or self.first_stop is None:
            return None
        risk = (self.first_stop - first.rate) * (1 if self.is_short else -1) * first.amount
        return self.profit / risk if risk > 0 else None

    def excursions(self) -> tuple[float, float] | None:
        """Returns how far the price went against the trade and in its favour, as fractions of the
        average entry rate, neither below 0."""
        entry = self.entry_rate
        if self.lowest is None or self.highest is None or not entry:
            return None
        down, up = max(0.0, 1 - self.lowest / entry), max(0.0, self.highest / entry - 1)
        return (up, down) if self.is_short else (down, up)

    def fee_of(self, fill: TradeFill) -> float:
        return self.fee_open if fill.is_entry else self.fee_close

    def signed(self, fill: TradeFill) -> float:
        """Returns its amount: above 0 if bought, below 0 if sold."""
        return fill.amount if fill.is_entry is not self.is_short else -fill.amount

    def ledger(self, settlements: Sequence[Settlement] = ()) -> TradeLedger:
        """:param settlements: of its funding; without them it counts as it was booked: with the
        next fill, or at the close"""
        fills = (
            Fill(
                fill.at,
                self.signed(fill),
                fill.rate,
                self.fee_of(fill),
                0.0 if settlements else fill.funding,
            )
            for fill in self.fills
        )
        return TradeLedger(
            self.pair, tuple(fills), self.fee_close, self.closed, self.profit, tuple(settlements)
        )


def exported_trade(trade: Mapping[str, Any], stops_are_real: bool = True) -> Trade:
    """Returns a trade of a Freqtrade export.

    :param stops_are_real: whether `initial_stop_loss_abs` is where the first stop stood
    """
    fills = (
        TradeFill(
            order["order_filled_timestamp"] / 1000,
            order["amount"],
            order["safe_price"],
            bool(order["ft_is_entry"]),
            order.get("ft_order_tag") or "",
        )
        for order in trade["orders"]
        if order["order_filled_timestamp"]
    )
    ordered = tuple(sorted(fills, key=lambda fill: fill.at))
    stop = trade.get("initial_stop_loss_abs") if stops_are_real else None
    opened = trade.get("open_timestamp")
    return Trade(
        pair=trade["pair"],
        is_short=bool(trade["is_short"]),
        leverage=trade.get("leverage") or 1.0,
        opened=opened / 1000 if opened else (ordered[0].at if ordered else 0.0),
        closed=None if trade["is_open"] else trade["close_timestamp"] / 1000,
        profit=trade["profit_abs"],
        ratio=trade.get("profit_ratio") or 0.0,
        fee_open=trade["fee_open"],
        fee_close=trade["fee_close"],
        funding=trade.get("funding_fees") or 0.0,
        fills=ordered,
        enter_tag=trade.get("enter_tag") or "",
        exit_reason=trade.get("exit_reason") or "",
        lowest=trade.get("min_rate"),
        highest=trade.get("max_rate"),
        first_stop=stop,
        last_stop=trade.get("stop_loss_abs"),
    )

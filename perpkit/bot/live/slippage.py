"""The cost of a live bot's entries, compared with the estimate from the order book.

Each figure is stored with its trade, in Freqtrade's custom data, for the next process.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import NamedTuple

from freqtrade.persistence import Order, Trade
from freqtrade.persistence.custom_data import _CustomData
from sqlalchemy import select

from perpkit.execution.book import Side
from perpkit.execution.fills import KEPT, FillSlippage, SlippageRecord, fill_slippage

logger = logging.getLogger(__name__)

SLIPPAGE_KEY = "perpkit_slippage"


class Estimate(NamedTuple):
    """The expected slippage of an entry.

    :param mid: mid price of the book when it was computed
    :param bps: slippage from that price
    """

    mid: float
    bps: float


class EntrySlippage:
    """Measures the slippage of entries.

    :param live: whether fills are real; Freqtrade invents their prices in dry-run
    """

    def __init__(self, live: bool) -> None:
        self._live = live
        # Estimate of the newest allowed entry, by pair.
        self._estimates: dict[str, Estimate] = {}
        self._record: SlippageRecord | None = None

    def expect(self, pair: str, estimate: Estimate) -> None:
        """Sets the estimate that the next entry into the pair is compared with."""
        self._estimates[pair] = estimate

    def filled(self, trade: Trade, order: Order) -> None:
        """Stores the slippage of an entry; called for every order that has filled."""
        if order.ft_order_side != trade.entry_side or not order.safe_filled or not self._live:
            return
        estimate = self._estimates.pop(trade.pair, None)
        if estimate is None:
            return
        side = Side.entering(trade.trade_direction)
        fill = fill_slippage(side, estimate.mid, order.safe_price, estimate.bps)
        record = self.record.add(fill)
        trade.set_custom_data(SLIPPAGE_KEY, asdict(fill))
        self._record = record
        logger.info(
            f"Entry into {trade.pair}: {fill.actual_bps:.2f} bps of slippage, "
            f"{fill.estimated_bps:.2f} estimated. {record}."
        )

    @property
    def record(self) -> SlippageRecord:
        """The last hundred entries, including those of earlier processes."""
        if self._record is None:
            newest = (
                select(_CustomData)
                .where(_CustomData.cd_key == SLIPPAGE_KEY)
                .order_by(_CustomData.id.desc())
                .limit(KEPT)
            )
            rows = _CustomData.session.scalars(newest).all()
            fills = [Trade.get_trades([Trade.id == row.ft_trade_id]).first() for row in rows]
            kept = [t.get_custom_data(SLIPPAGE_KEY) for t in fills if t is not None]
            self._record = SlippageRecord(tuple(FillSlippage(**fill) for fill in reversed(kept)))
        return self._record

"""Finds what earlier runs of `perpkit stop` have closed, which the bot's files do not show.

Their orders are recognised by client id. A run that was killed may have sent an order that the
exchange has not carried out yet; the age of its log, which is written first, shows whether that is
possible.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.contracts import ZERO
from perpkit.ops.stop.fills import OwnFills
from perpkit.ops.stop.ours import BotsFiles, Claim
from perpkit.ops.stop.sent_closings import ARRIVES_WITHIN
from perpkit.ops.stop.to_book import closing_of_row
from perpkit.record.journal import Intent
from perpkit.record.order_ids import closes_everything, nonce_of_stop, tag_of_stop


class EarlierRuns:
    """What earlier runs have closed.

    :param nonce: of this run
    """

    def __init__(self, fills: OwnFills, files: BotsFiles, log: ActionLog, nonce: str) -> None:
        self._fills = fills
        self._files = files
        self._log = log
        self._nonce = nonce
        self._known: dict[str, Decimal] = {}
        self._rows: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._with_others: set[str] = set()

    def may_arrive(self) -> bool:
        """Whether another run has just written to its log, so that its orders may still arrive."""
        own = self._log.path
        if own is None:
            return False
        stem = ".".join(own.name.split(".")[:2])  # of the account, and its mode
        newest = max(
            (path.stat().st_mtime for path in own.parent.glob(f"{stem}.*") if path != own),
            default=0.0,
        )
        return time.time() - newest < ARRIVES_WITHIN

    def closed(self, claim: Claim, symbol: str, side: str) -> Decimal:
        """Returns the contracts closed by orders of this side; requested once nothing can arrive.

        :raises UnknownError: if the exchange does not report it
        """
        if symbol in self._known:
            return self._known[symbol]
        found = self._ask(claim, symbol, side)
        if not self.may_arrive():
            self._known[symbol] = found
        return found

    def closings(self) -> list[tuple[Intent, str]]:
        """Returns the closings that were found, which a run that was killed has not written into
        the bot's journal, with the exchange's ids; none of `--everything`, which has closed more
        than the bot's part.
        """
        return [closing_of_row(row, pair) for pair, row in self._rows.values()]

    def closed_others(self, symbol: str) -> bool:
        """Whether a run with `--everything` has closed positions of the symbol."""
        return symbol in self._with_others

    def _ask(self, claim: Claim, symbol: str, side: str) -> Decimal:
        found = ZERO
        for row in self._fills.history(symbol, claim.opened):
            executed = Decimal(row["executedQty"])
            if executed and row["side"] == side and self._is_of_another(row, claim.pair):
                found += executed
                if closes_everything(row["clientOrderId"]):
                    self._with_others.add(symbol)
                else:
                    self._rows[row["clientOrderId"]] = claim.pair, row
        return found

    def _is_of_another(self, row: Mapping[str, Any], pair: str) -> bool:
        client_id = row["clientOrderId"]
        of_this_bot = tag_of_stop(client_id) == self._files.tag
        if not of_this_bot or nonce_of_stop(client_id) == self._nonce:
            return False
        return not self._files.has_order(pair, str(row["orderId"]))

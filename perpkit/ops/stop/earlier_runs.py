"""What earlier runs of `perpkit stop` have closed, of which the bot's files know nothing.

Their orders are known by their client ids. A run that was killed may have sent one that the
exchange has not carried out yet: its log, which is written before, says so by its age.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.contracts import ZERO
from perpkit.ops.stop.fills import OwnFills, UnknownError
from perpkit.ops.stop.ours import BotsFiles, Claim
from perpkit.ops.stop.sent_closings import ARRIVES_WITHIN
from perpkit.record.order_ids import nonce_of_stop, tag_of_stop

# So often it is asked for them, before it has to do without.
_TRIES = 4


class EarlierRuns:
    """:param nonce: of this run"""

    def __init__(self, fills: OwnFills, files: BotsFiles, log: ActionLog, nonce: str) -> None:
        self._fills = fills
        self._files = files
        self._log = log
        self._nonce = nonce
        self._known: dict[str, Decimal] = {}
        self._tries: dict[str, int] = {}
        self.notes: list[str] = []

    def may_arrive(self) -> bool:
        """Whether another run has written to its log a moment ago; it may also be alive."""
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
        """In contracts, by orders of this side; asked for once, when nothing can arrive any more.

        :raises UnknownError: where the exchange does not say
        """
        if symbol in self._known:
            return self._known[symbol]
        try:
            found = self._ask(claim, symbol, side)
        except UnknownError as error:
            self._tries[symbol] = self._tries.get(symbol, 0) + 1
            if self._tries[symbol] < _TRIES:
                raise
            self.notes.append(f"{claim.pair}: what earlier runs have closed is not known: {error}")
            found = ZERO
        if not self.may_arrive():
            self._known[symbol] = found
        return found

    def _ask(self, claim: Claim, symbol: str, side: str) -> Decimal:
        return sum(
            (
                Decimal(row["executedQty"])
                for row in self._fills.history(symbol, claim.opened)
                if row["side"] == side and self._is_of_another(row, claim.pair)
            ),
            ZERO,
        )

    def _is_of_another(self, row: Mapping[str, str], pair: str) -> bool:
        client_id = row["clientOrderId"]
        of_this_bot = tag_of_stop(client_id) == self._files.tag
        if not of_this_bot or nonce_of_stop(client_id) == self._nonce:
            return False
        return not self._files.has_order(pair, str(row["orderId"]))

"""An account at an exchange that answers, fails or loses answers as a script says.

In place of a ccxt client, as far as `perpkit stop` asks one: no HTTP, so that a property can be
tried in many ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

import ccxt

from tests import factories

STEP = Decimal("0.001")
ZERO = Decimal(0)


class Fate(Enum):
    """Of a request."""

    FINE = "fine"
    LOST = "carried out, and no answer"
    DROPPED = "not carried out, and no answer"
    BUSY = "not carried out, and that is the answer"
    REFUSED = "refused by a code"
    PART = "half of it fills"


@dataclass
class ScriptedExchange:
    """
    :param held: amounts by symbol, negative for shorts
    :param fates: of the next requests; all others are fine
    """

    held: dict[str, Decimal]
    fates: Iterator[Fate]
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    algos: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    bids: list[list[str]] = field(default_factory=lambda: [["99", "1000"]])
    ms: float = 1_700_000_000_000.0
    timeout: int = 10_000
    enableRateLimit: bool = True  # noqa: N815 - ccxt's
    last_response_headers: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=lambda: {"timeDifference": 0})

    # The clock of the stop

    def now(self) -> float:
        return self.ms / 1000

    def sleep(self, seconds: float) -> None:
        self.ms += max(0.0, seconds) * 1000

    def milliseconds(self) -> int:
        return int(self.ms)

    # What is on the account

    def add_algo(self, symbol: str, number: str, client_id: str, side: str) -> None:
        self.algos[number] = {
            "algoId": number,
            "clientAlgoId": client_id,
            "symbol": symbol,
            "side": side,
            "reduceOnly": True,
            "algoStatus": "NEW",
            "createTime": 1,
        }

    def add_order(
        self, symbol: str, number: str, client_id: str, side: str, executed: Decimal = ZERO
    ) -> None:
        self.orders[number] = {
            "orderId": number,
            "clientOrderId": client_id,
            "symbol": symbol,
            "side": side,
            "reduceOnly": False,
            "status": "PARTIALLY_FILLED" if executed else "NEW",
            "executedQty": str(executed),
            "time": int(self.ms),
        }

    # Endpoints

    def fapiPublicGetExchangeInfo(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._answer({"symbols": [factories.symbol_info(b) for b in ("BTC", "ETH", "SOL")]})

    def fapiPublicGetDepth(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._answer({"bids": self.bids, "asks": [["101", "1000"]]})

    def fapiPrivateV3GetPositionRisk(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        rows = [
            {
                "symbol": symbol,
                "positionSide": "BOTH",
                "positionAmt": str(amount),
                "markPrice": "100",
            }
            for symbol, amount in self.held.items()
            if sent.get("symbol", symbol) == symbol
        ]
        return self._answer(rows)

    def fapiPrivateGetOpenOrders(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._answer(self._open(self.orders, "status", sent))

    def fapiPrivateGetOpenAlgoOrders(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._answer(self._open(self.algos, "algoStatus", sent))

    def fapiPrivateGetAllOrders(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._answer([o for o in self.orders.values() if o["symbol"] == sent["symbol"]])

    def fapiPrivateGetOrder(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        wanted = sent.get("orderId"), sent.get("origClientOrderId")
        found = [
            o
            for o in self.orders.values()
            if wanted in ((o["orderId"], None), (None, o["clientOrderId"]))
        ]
        if not found:
            self._answer(None)
            raise ccxt.OrderNotFound('binance {"code":-2013,"msg":"Order does not exist."}')
        return self._answer(found[0])

    def fapiPrivateGetAlgoOrder(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._answer(self.algos[sent["algoId"]])

    def fapiPrivateDeleteOrder(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._change(lambda part: self._cancel(self.orders, "status", sent["orderId"]))

    def fapiPrivateDeleteAlgoOrder(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        return self._change(lambda part: self._cancel(self.algos, "algoStatus", sent["algoId"]))

    def fapiPrivatePostOrder(self, sent: dict[str, Any]) -> Any:  # noqa: N802
        self.posts.append(sent)
        return self._change(lambda part: self._trade(sent, part))

    def _trade(self, sent: dict[str, Any], part: Decimal) -> dict[str, Any]:
        symbol, sign = sent["symbol"], 1 if sent["side"] == "BUY" else -1
        held, quantity = self.held.get(symbol, ZERO), Decimal(sent["quantity"])
        if sent["reduceOnly"] == "true":
            if held * sign >= 0:
                raise ccxt.InvalidOrder('binance {"code":-2022,"msg":"ReduceOnly is rejected."}')
            quantity = min(quantity, abs(held))
        filled = max(STEP, quantity * part // STEP * STEP)
        self.held[symbol] = held + sign * filled
        number = str(len(self.orders) + 1000)
        order = {
            "orderId": number,
            "clientOrderId": sent["newClientOrderId"],
            "symbol": symbol,
            "side": sent["side"],
            "status": "FILLED" if filled == Decimal(sent["quantity"]) else "EXPIRED",
            "executedQty": str(filled),
            "avgPrice": "100",
            "time": int(self.ms),
        }
        self.orders[number] = order
        return order

    def _cancel(self, of: dict[str, dict[str, Any]], status: str, number: str) -> dict[str, Any]:
        if of[number][status] not in ("NEW", "PARTIALLY_FILLED"):
            raise ccxt.OrderNotFound('binance {"code":-2011,"msg":"Unknown order sent."}')
        of[number][status] = "CANCELED"
        return of[number]

    def _open(
        self, of: dict[str, dict[str, Any]], status: str, sent: dict[str, Any]
    ) -> list[dict[str, Any]]:
        return [
            each
            for each in of.values()
            if each[status] in ("NEW", "PARTIALLY_FILLED")
            and sent.get("symbol", each["symbol"]) == each["symbol"]
        ]

    def _answer(self, answer: Any) -> Any:
        self.ms += 40
        fate = next(self.fates, Fate.FINE)
        if fate in (Fate.LOST, Fate.DROPPED):
            raise ccxt.RequestTimeout("binance GET https://fapi.invalid")
        if fate is Fate.BUSY:
            raise ccxt.OperationFailed('binance {"code":-1008,"msg":"Server is overloaded."}')
        return answer

    def _change(self, carry_out: Any) -> Any:
        self.ms += 40
        fate = next(self.fates, Fate.FINE)
        if fate is Fate.DROPPED:
            raise ccxt.NetworkError("binance POST https://fapi.invalid")
        if fate is Fate.BUSY:
            raise ccxt.OperationFailed('binance {"code":-1008,"msg":"Server is overloaded."}')
        if fate is Fate.REFUSED:
            raise ccxt.OperationRejected('binance {"code":-4131,"msg":"PERCENT_PRICE filter."}')
        answer = carry_out(Decimal("0.5") if fate is Fate.PART else Decimal(1))
        if fate is Fate.LOST:
            raise ccxt.RequestTimeout("binance POST https://fapi.invalid")
        return answer

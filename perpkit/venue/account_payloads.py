"""Accounts, orders and positions in the exchange's shapes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from perpkit.venue.engine import (
    Account,
    Algo,
    Balance,
    Brackets,
    Fill,
    Income,
    Order,
    PositionView,
)

_EIGHT = Decimal("1E-8")


def number(value: Decimal) -> str:
    """Plain notation, at most eight decimals, without trailing zeros."""
    text = f"{value.quantize(_EIGHT):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def order(order: Order) -> dict[str, Any]:
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": order.status.value,
        "clientOrderId": order.client_id,
        "price": number(order.price),
        "avgPrice": number(order.average),
        "origQty": number(order.quantity),
        "executedQty": number(order.executed),
        "cumQty": number(order.executed),
        "cumQuote": number(order.quote),
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "reduceOnly": order.reduce_only,
        "closePosition": order.algo is not None and order.algo.close_position,
        "side": order.side.value,
        "positionSide": order.position_side.value,
        "stopPrice": "0" if order.algo is None else number(order.algo.trigger_price),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.type.value if order.algo is None else order.algo.type.value,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created,
        "updateTime": order.updated,
    }


def algo(algo: Algo) -> dict[str, Any]:
    became = algo.order
    return {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type.value,
        "symbol": algo.symbol,
        "side": algo.side.value,
        "positionSide": algo.position_side.value,
        "timeInForce": algo.time_in_force.value,
        "quantity": number(algo.quantity),
        "algoStatus": algo.status.value,
        "actualOrderId": "" if became is None else str(became.id),
        "actualPrice": "0" if became is None else number(became.average),
        "triggerPrice": number(algo.trigger_price),
        "price": number(algo.price),
        "activatePrice": number(algo.activate_price),
        "callbackRate": number(algo.callback_rate),
        "workingType": algo.working_type.value,
        "closePosition": algo.close_position,
        "priceProtect": False,
        "reduceOnly": algo.reduce_only,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "createTime": algo.created,
        "updateTime": algo.updated,
        "triggerTime": algo.triggered,
        "goodTillDate": 0,
    }


def trade(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.id,
        "orderId": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "positionSide": fill.position_side.value,
        "price": number(fill.price),
        "qty": number(fill.quantity),
        "quoteQty": number(fill.quote),
        "realizedPnl": number(fill.realized_pnl),
        "commission": number(fill.commission),
        "commissionAsset": "USDT",
        "marginAsset": "USDT",
        "maker": fill.maker,
        "buyer": fill.side.value == "BUY",
        "time": fill.time,
    }


def income(income: Income) -> dict[str, Any]:
    return {
        "symbol": income.symbol,
        "incomeType": income.kind.value,
        "income": number(income.amount),
        "asset": "USDT",
        "info": income.kind.value,
        "time": income.time,
        "tranId": income.id,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }


def position(view: PositionView) -> dict[str, Any]:
    """Version 3; the fields of version 2 that it dropped are here, too."""
    return {
        "symbol": view.symbol,
        "positionSide": view.position_side.value,
        "positionAmt": number(view.amount),
        "entryPrice": number(view.entry_price),
        "breakEvenPrice": number(view.entry_price),
        "markPrice": number(view.mark_price),
        "unRealizedProfit": number(view.unrealized),
        "liquidationPrice": number(view.liquidation_price),
        "isolatedMargin": number(view.isolated_margin),
        "notional": number(view.notional),
        "marginAsset": "USDT",
        "isolatedWallet": number(view.isolated_wallet),
        "initialMargin": number(view.initial_margin),
        "maintMargin": number(view.maintenance),
        "positionInitialMargin": number(view.position_initial_margin),
        "openOrderInitialMargin": number(view.open_order_initial_margin),
        "adl": 0,
        "bidNotional": number(view.bid_notional),
        "askNotional": number(view.ask_notional),
        "leverage": str(view.leverage),
        "marginType": "isolated" if view.isolated else "cross",
        "isolated": view.isolated,
        "maxNotionalValue": number(view.max_notional),
        "updateTime": view.update_time,
    }


def asset(balance: Balance) -> dict[str, Any]:
    return {
        "asset": "USDT",
        "walletBalance": number(balance.wallet),
        "unrealizedProfit": number(balance.unrealized),
        "marginBalance": number(balance.margin_balance),
        "maintMargin": number(balance.maintenance),
        "initialMargin": number(balance.initial_margin),
        "positionInitialMargin": number(balance.position_initial_margin),
        "openOrderInitialMargin": number(balance.open_order_initial_margin),
        "crossWalletBalance": number(balance.cross_wallet),
        "crossUnPnl": number(balance.cross_unrealized),
        "availableBalance": number(balance.available),
        "maxWithdrawAmount": number(balance.max_withdraw),
        "marginAvailable": True,
        "updateTime": balance.update_time,
    }


def account(account: Account, balance: Balance, views: list[PositionView]) -> dict[str, Any]:
    held = asset(balance)
    return {
        "feeTier": 0,
        "canTrade": account.restrictions.trade,
        "canDeposit": True,
        "canWithdraw": account.restrictions.withdraw,
        "multiAssetsMargin": account.multi_assets,
        "updateTime": 0,
        "totalInitialMargin": held["initialMargin"],
        "totalMaintMargin": held["maintMargin"],
        "totalWalletBalance": held["walletBalance"],
        "totalUnrealizedProfit": held["unrealizedProfit"],
        "totalMarginBalance": held["marginBalance"],
        "totalPositionInitialMargin": held["positionInitialMargin"],
        "totalOpenOrderInitialMargin": held["openOrderInitialMargin"],
        "totalCrossWalletBalance": held["crossWalletBalance"],
        "totalCrossUnPnl": held["crossUnPnl"],
        "availableBalance": held["availableBalance"],
        "maxWithdrawAmount": held["maxWithdrawAmount"],
        "assets": [held],
        "positions": [
            {**position(view), "unrealizedProfit": number(view.unrealized)} for view in views
        ],
    }


def balance_row(api_key: str, balance: Balance) -> dict[str, Any]:
    held = asset(balance)
    return {
        "accountAlias": api_key[:4],
        "asset": "USDT",
        "balance": held["walletBalance"],
        "crossWalletBalance": held["crossWalletBalance"],
        "crossUnPnl": held["crossUnPnl"],
        "availableBalance": held["availableBalance"],
        "maxWithdrawAmount": held["maxWithdrawAmount"],
        "marginAvailable": True,
        "updateTime": held["updateTime"],
    }


def brackets(symbol: str, brackets: Brackets) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": row.number,
                "initialLeverage": row.max_leverage,
                "notionalCap": int(row.cap),
                "notionalFloor": int(row.floor),
                "maintMarginRatio": float(row.rate),
                "cum": float(row.cum),
            }
            for row in brackets.rows
        ],
    }


def restrictions(account: Account) -> dict[str, Any]:
    """GET /sapi/v1/account/apiRestrictions, as the exchange describes the key itself."""
    may = account.restrictions
    return {
        "ipRestrict": bool(may.addresses),
        "createTime": account.opened,
        "enableReading": may.read,
        "enableWithdrawals": may.withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": may.trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": False,
        "enablePortfolioMarginTrading": False,
    }

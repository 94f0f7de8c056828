"""Accounts and positions in the exchange's shapes; version 3 omits some fields of version 2."""

from __future__ import annotations

from typing import Any

from perpkit.venue.engine import USDT, Account, Balance, Income, MarginChange, PositionView
from perpkit.venue.http.numbers import (
    decimal_or_point,
    money,
    money_or_zero,
    plain,
    quantity_text,
)
from perpkit.venue.http.settings_payloads import permissions
from perpkit.venue.market.instruments import Instrument

# Totals of the account, each with the field of an asset that it adds up.
_TOTALS = {
    "totalInitialMargin": "initialMargin",
    "totalMaintMargin": "maintMargin",
    "totalWalletBalance": "walletBalance",
    "totalUnrealizedProfit": "unrealizedProfit",
    "totalMarginBalance": "marginBalance",
    "totalPositionInitialMargin": "positionInitialMargin",
    "totalOpenOrderInitialMargin": "openOrderInitialMargin",
    "totalCrossWalletBalance": "crossWalletBalance",
    "totalCrossUnPnl": "crossUnPnl",
    "availableBalance": "availableBalance",
    "maxWithdrawAmount": "maxWithdrawAmount",
}


def income(income: Income) -> dict[str, Any]:
    return {
        "symbol": income.symbol,
        "incomeType": income.kind.value,
        "income": money(income.amount),
        "asset": income.asset,
        "info": income.kind.value,
        "time": income.time,
        "tranId": income.id,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }


def position_v3(view: PositionView, instrument: Instrument) -> dict[str, Any]:
    """A position of version 3, which leaves leverage and margin type to `symbol_config`."""
    return {
        "symbol": view.symbol,
        "positionSide": view.position_side.value,
        "positionAmt": quantity_text(instrument, view.amount),
        "entryPrice": decimal_or_point(view.entry_price),
        "breakEvenPrice": decimal_or_point(view.break_even),
        "markPrice": money(view.mark_price),
        "unRealizedProfit": money(view.unrealized),
        "liquidationPrice": money_or_zero(view.liquidation_price),
        "isolatedMargin": money_or_zero(view.isolated_margin),
        "notional": money_or_zero(view.notional),
        "marginAsset": view.asset,
        "isolatedWallet": money_or_zero(view.isolated_wallet),
        "initialMargin": money_or_zero(view.initial_margin),
        "maintMargin": money_or_zero(view.maintenance),
        "positionInitialMargin": money_or_zero(view.position_initial_margin),
        "openOrderInitialMargin": money_or_zero(view.open_order_initial_margin),
        "adl": view.adl,
        "bidNotional": money_or_zero(view.bid_notional),
        "askNotional": money_or_zero(view.ask_notional),
        "updateTime": view.update_time,
    }


def position_v2(view: PositionView, instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": view.symbol,
        "positionAmt": quantity_text(instrument, view.amount),
        "entryPrice": decimal_or_point(view.entry_price),
        "breakEvenPrice": decimal_or_point(view.break_even),
        "markPrice": money(view.mark_price),
        "unRealizedProfit": money(view.unrealized),
        "liquidationPrice": money_or_zero(view.liquidation_price),
        "leverage": str(view.leverage),
        "maxNotionalValue": plain(view.max_notional),
        "marginType": "isolated" if view.isolated else "cross",
        "isolatedMargin": money(view.isolated_margin),
        "isAutoAddMargin": "false",
        "positionSide": view.position_side.value,
        "notional": money_or_zero(view.notional),
        "isolatedWallet": money_or_zero(view.isolated_wallet),
        "updateTime": view.update_time,
        "isolated": view.isolated,
        "adlQuantile": view.adl,
    }


def account_v3(
    balances: dict[str, Balance], views: list[tuple[PositionView, Instrument]]
) -> dict[str, Any]:
    """:param balances: balances by asset, USDT first"""
    return {
        **_totals(balances),
        "assets": [asset_v3(asset, balance) for asset, balance in balances.items()],
        "positions": [
            {
                "symbol": view.symbol,
                "positionSide": view.position_side.value,
                "positionAmt": quantity_text(instrument, view.amount),
                "unrealizedProfit": money(view.unrealized),
                "isolatedMargin": money_or_zero(view.isolated_margin),
                "notional": money_or_zero(view.notional),
                "isolatedWallet": money_or_zero(view.isolated_wallet),
                "initialMargin": money_or_zero(view.initial_margin),
                "maintMargin": money_or_zero(view.maintenance),
                "updateTime": view.update_time,
            }
            for view, instrument in views
        ],
    }


def account_v2(
    account: Account,
    balances: dict[str, Balance],
    views: list[tuple[PositionView, Instrument]],
) -> dict[str, Any]:
    return {
        **permissions(account),
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
        **_totals(balances),
        "assets": [
            {**asset_v3(asset, balance), "marginAvailable": True}
            for asset, balance in balances.items()
        ],
        "positions": [_position_of_account_v2(view, instrument) for view, instrument in views],
    }


def _position_of_account_v2(view: PositionView, instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": view.symbol,
        "initialMargin": money_or_zero(view.initial_margin),
        "maintMargin": money_or_zero(view.maintenance),
        "unrealizedProfit": money(view.unrealized),
        "positionInitialMargin": money_or_zero(view.position_initial_margin),
        "openOrderInitialMargin": money_or_zero(view.open_order_initial_margin),
        "leverage": str(view.leverage),
        "isolated": view.isolated,
        "entryPrice": decimal_or_point(view.entry_price),
        "breakEvenPrice": decimal_or_point(view.break_even),
        "maxNotional": plain(view.max_notional),
        "positionSide": view.position_side.value,
        "positionAmt": quantity_text(instrument, view.amount),
        "notional": money_or_zero(view.notional),
        "isolatedWallet": money_or_zero(view.isolated_wallet),
        "updateTime": view.update_time,
        "bidNotional": money_or_zero(view.bid_notional),
        "askNotional": money_or_zero(view.ask_notional),
    }


def _totals(balances: dict[str, Balance]) -> dict[str, Any]:
    """Totals of USDT alone in single-asset mode, of all assets together in multi-assets mode."""
    held = asset_v3(USDT, balances[USDT].shared)
    return {name: held[field] for name, field in _TOTALS.items()}


def asset_v3(asset: str, balance: Balance) -> dict[str, Any]:
    return {
        "asset": asset,
        "walletBalance": money(balance.wallet),
        "unrealizedProfit": money(balance.unrealized),
        "marginBalance": money(balance.margin_balance),
        "maintMargin": money(balance.maintenance),
        "initialMargin": money(balance.initial_margin),
        "positionInitialMargin": money(balance.position_initial_margin),
        "openOrderInitialMargin": money(balance.open_order_initial_margin),
        "crossWalletBalance": money(balance.cross_wallet),
        "crossUnPnl": money(balance.cross_unrealized),
        "availableBalance": money(balance.available),
        "maxWithdrawAmount": money(balance.max_withdraw),
        "updateTime": balance.update_time,
    }


def balance_row(api_key: str, asset: str, balance: Balance) -> dict[str, Any]:
    held = asset_v3(asset, balance)
    return {
        "accountAlias": api_key[:4],
        "asset": held["asset"],
        "balance": held["walletBalance"],
        "crossWalletBalance": held["crossWalletBalance"],
        "crossUnPnl": held["crossUnPnl"],
        "availableBalance": held["availableBalance"],
        "maxWithdrawAmount": held["maxWithdrawAmount"],
        "marginAvailable": True,
        "updateTime": held["updateTime"],
    }


def adl_quantile(symbol: str, views: list[PositionView]) -> dict[str, Any]:
    """The queue ranks by side; with cross margin, both sides of a hedge share the higher one.

    In that case the key HEDGE takes the place of BOTH.
    """
    ranks = {view.position_side.value: view.adl for view in views}
    hedge = "BOTH" not in ranks
    joint = hedge and not views[0].isolated
    long, short = ranks.get("LONG", 0), ranks.get("SHORT", 0)
    if joint:
        long = short = max(long, short)
    return {
        "symbol": symbol,
        "adlQuantile": {
            "LONG": long,
            "SHORT": short,
            "HEDGE" if joint else "BOTH": ranks.get("BOTH", 0),
        },
    }


def margin_change(change: MarginChange) -> dict[str, Any]:
    return {
        "symbol": change.symbol,
        "type": 1 if change.amount > 0 else 2,
        "deltaType": "USER_ADJUST",
        "amount": money(abs(change.amount)),
        "asset": change.asset,
        "time": change.time,
        "positionSide": change.position_side.value,
        "clientTranId": "",
    }

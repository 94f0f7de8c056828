"""An account's settings and permissions in the exchange's shapes: rights, fees, locks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from perpkit.venue.engine import Account, Brackets, PositionView
from perpkit.venue.faults.faults import Fault
from perpkit.venue.http.numbers import fixed, plain

_RATE_DECIMALS = 6
_LOCKED_MS = 600_000  # reported time until a lock without a known end is lifted


def permissions(account: Account) -> dict[str, Any]:
    return {
        "feeTier": 0,
        "canTrade": account.restrictions.trade,
        "canDeposit": True,
        "canWithdraw": account.restrictions.withdraw,
    }


def account_config(account: Account) -> dict[str, Any]:
    return {
        **permissions(account),
        "dualSidePosition": account.hedge,
        "updateTime": account.updated,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
    }


def trading_status(locks: list[Fault], now: int) -> dict[str, Any]:
    """One row per lock; none without locks, as for an account that has placed few orders.

    :param locks: see `order_faults.locks`; the account's own is reported as TMV, too many
        violations in several symbols
    """
    indicators: dict[str, list[dict[str, Any]]] = {}
    for lock in locks:
        indicators.setdefault(lock.symbol or "ACCOUNT", []).append(
            {
                "isLocked": True,
                "plannedRecoverTime": lock.until or now + _LOCKED_MS,
                "indicator": lock.text("indicator") if lock.symbol else "TMV",
                "value": 0.999 if lock.symbol else 10,
                "triggerValue": 0.995 if lock.symbol else 1,
            }
        )
    return {"indicators": indicators, "updateTime": now}


def symbol_config(view: PositionView) -> dict[str, Any]:
    return {
        "symbol": view.symbol,
        "marginType": "ISOLATED" if view.isolated else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": view.leverage,
        "maxNotionalValue": plain(view.max_notional),
    }


def commission_rate(account: Account, symbol: str) -> dict[str, Any]:
    def rate(value: Decimal) -> str:
        return fixed(value, _RATE_DECIMALS) if value else "0"

    return {
        "symbol": symbol,
        "makerCommissionRate": rate(account.maker),
        "takerCommissionRate": rate(account.taker),
        "rpiCommissionRate": "0",
    }


def brackets(symbol: str, brackets: Brackets) -> dict[str, Any]:
    return {
        "symbol": symbol,
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
    """The answer of GET /sapi/v1/account/apiRestrictions: what the key itself may do."""
    may = account.restrictions
    # The exchange sends this field only for keys whose permission to trade expires.
    ends = {} if may.expires is None else {"tradingAuthorityExpirationTime": may.expires}
    return {
        "ipRestrict": bool(may.addresses),
        "createTime": account.opened if may.made is None else may.made,
        "enableReading": may.read,
        "enableWithdrawals": may.withdraw,
        "enableInternalTransfer": may.internal_transfer,
        "enableMargin": may.margin,
        "enableFutures": may.trade,
        "permitsUniversalTransfer": may.universal_transfer,
        "enableVanillaOptions": may.options,
        "enableFixApiTrade": may.fix_trade,
        "enableFixReadOnly": may.fix_read,
        "enableSpotAndMarginTrading": may.spot,
        "enablePortfolioMarginTrading": may.portfolio_margin,
        **ends,
    }

"""The part "profits": values and profits of trades without decimal strings, to the last bit."""

from __future__ import annotations

from typing import Any

from ccxt import Precise
from freqtrade.enums import TradingMode
from freqtrade.exchange import exchange_utils
from freqtrade.exchange.exchange_utils import ROUND_DOWN, ROUND_UP, TICK_SIZE
from freqtrade.optimize import backtesting
from freqtrade.persistence import trade_model
from freqtrade.persistence.trade_model import LocalTrade
from freqtrade.util import FtPrecise

from perpkit.bot.acceleration.exact import as_float, on_tick, scaled, value, with_fee
from perpkit.bot.acceleration.part import Part, Replacements, Seam
from perpkit.bot.acceleration.remembered import remembered

_FUTURES = TradingMode.FUTURES
_stock_open_value = LocalTrade._calc_open_trade_value
_stock_close_value = LocalTrade.calc_close_trade_value
_stock_ratio = LocalTrade.calc_profit_ratio
_stock_precise = FtPrecise.__init__
_stock_float = Precise.__float__
_stock_price = exchange_utils.price_to_precision
_stock_amount = exchange_utils.amount_to_contract_precision
_REMEMBERED = 1024

_MODEL = "freqtrade.persistence.trade_model:LocalTrade."


def open_value(self: LocalTrade, amount: float, open_rate: float) -> float:
    """As `LocalTrade._calc_open_trade_value`."""
    try:
        return value(amount, open_rate, self.fee_open, not self.is_short)
    except (TypeError, ValueError, OverflowError):
        return _stock_open_value(self, amount, open_rate)


def close_value(self: LocalTrade, rate: float, amount: float | None = None) -> float:
    """As `LocalTrade.calc_close_trade_value`."""
    if self.trading_mode != _FUTURES:
        return _stock_close_value(self, rate, amount)
    try:
        worth = value(amount or self.amount, rate, self.fee_close or 0.0, self.is_short)
    except (TypeError, ValueError, OverflowError):
        return _stock_close_value(self, rate, amount)
    if self.is_short:
        return worth - (self.funding_fees or 0.0)
    return worth + (self.funding_fees or 0.0)


def profit_ratio(
    self: LocalTrade, rate: float, amount: float | None = None, open_rate: float | None = None
) -> float:
    """As `LocalTrade.calc_profit_ratio`."""
    close = close_value(self, rate, amount)
    if amount is None and open_rate is None:
        opened = self.open_trade_value
    else:
        opened = open_value(self, amount or self.amount, open_rate or self.open_rate)
    if opened == 0.0:
        return 0.0
    if self.is_short:
        return round((1 - (close / opened)) * self.leverage, 8)
    return round(((close / opened) - 1) * self.leverage, 8)


def price_to_precision(
    price: float,
    price_precision: float | None,
    precisionMode: int | None,  # noqa: N803
    **rounding: Any,
) -> float:
    """As `freqtrade.exchange.price_to_precision`."""
    mode = rounding.get("rounding_mode")
    if precisionMode == TICK_SIZE and price_precision and mode in (ROUND_UP, ROUND_DOWN):
        try:
            return on_tick(price, price_precision, mode == ROUND_UP)
        except (TypeError, ValueError, OverflowError):
            pass  # not a finite number: what comes of it is Freqtrade's to say
    return _stock_price(price, price_precision, precisionMode, **rounding)


def precise(self: FtPrecise, number: Any, decimals: int | None = None) -> None:
    """As `FtPrecise.__init__`."""
    if decimals is None and type(number) is float:
        self.integer, self.decimals = scaled(number)
        self.base = 10
    else:
        _stock_precise(self, number, decimals)


def precise_as_float(self: Precise) -> float:
    """As `Precise.__float__`."""
    return as_float(self.integer, self.decimals)


# Amounts and prices of an order are rounded at its placement, its fill, and the end of its trade.
remembered_amount = remembered(_stock_amount, _REMEMBERED)
remembered_price = remembered(price_to_precision, _REMEMBERED)


def _install(replacements: Replacements) -> None:
    replacements.put(LocalTrade, "_calc_open_trade_value", open_value, _stock_open_value)
    replacements.put(LocalTrade, "calc_close_trade_value", close_value, _stock_close_value)
    replacements.put(LocalTrade, "calc_profit_ratio", profit_ratio, _stock_ratio)
    replacements.put(FtPrecise, "__init__", precise, _stock_precise)
    replacements.put(Precise, "__float__", precise_as_float, _stock_float)
    for module in (trade_model, backtesting):
        replacements.put(module, "price_to_precision", remembered_price, _stock_price)
        replacements.put(module, "amount_to_contract_precision", remembered_amount, _stock_amount)


def _forget() -> None:
    for forget in (remembered_amount.forget, remembered_price.forget):
        forget()
    for cached in (scaled, with_fee):
        cached.cache_clear()


PROFITS = Part(
    [
        Seam(f"{_MODEL}_calc_open_trade_value", ("fd6d4f50d780",)),
        Seam(f"{_MODEL}_calc_base_close", ("2845c9aac321",)),
        Seam(f"{_MODEL}calc_close_trade_value", ("05065715f3b9",)),
        Seam(f"{_MODEL}calc_profit_ratio", ("909069df4baf", "e017fd8847a4")),
        Seam(
            "freqtrade.exchange.exchange_utils:price_to_precision", ("39158bfcf77d", "2c8343b01701")
        ),
        Seam("freqtrade.exchange.exchange_utils:amount_to_contract_precision", ("d816c76c992f",)),
        Seam("ccxt.base.precise:Precise.__init__", ("a6a63d1c379d",)),
        Seam("ccxt.base.precise:Precise.__float__", ("3ee25687f998",)),
        Seam("freqtrade.util.ft_precise:FtPrecise.__init__", ("515cdc82999c",)),
        Seam(
            "freqtrade.persistence.trade_model:price_to_precision", ("39158bfcf77d", "2c8343b01701")
        ),
    ],
    _install,
    _forget,
)

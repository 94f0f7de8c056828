"""The part "profits": values and profits of trades without decimal strings, to the last bit."""

from __future__ import annotations

from typing import Any

from freqtrade.enums import TradingMode
from freqtrade.exchange.exchange_utils import ROUND_DOWN, ROUND_UP, TICK_SIZE
from freqtrade.persistence import trade_model
from freqtrade.persistence.trade_model import LocalTrade

from perpkit.bot.acceleration.exact import on_tick, value
from perpkit.bot.acceleration.part import Part, Replacements, Seam

_FUTURES = TradingMode.FUTURES
_stock_open_value = LocalTrade._calc_open_trade_value
_stock_close_value = LocalTrade.calc_close_trade_value
_stock_price = trade_model.price_to_precision

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
            pass
    return _stock_price(price, price_precision, precisionMode, **rounding)


def _install(replacements: Replacements) -> None:
    replacements.put(LocalTrade, "_calc_open_trade_value", open_value)
    replacements.put(LocalTrade, "calc_close_trade_value", close_value)
    replacements.put(LocalTrade, "calc_profit_ratio", profit_ratio)
    replacements.put(trade_model, "price_to_precision", price_to_precision)


PROFITS = Part(
    "profits",
    [
        Seam(f"{_MODEL}_calc_open_trade_value", ("fd6d4f50d780",)),
        Seam(f"{_MODEL}_calc_base_close", ("2845c9aac321",)),
        Seam(f"{_MODEL}calc_close_trade_value", ("05065715f3b9",)),
        Seam(f"{_MODEL}calc_profit_ratio", ("909069df4baf", "e017fd8847a4")),
        Seam("freqtrade.util.ft_precise:FtPrecise.__init__", ("515cdc82999c",)),
        Seam(
            "freqtrade.persistence.trade_model:price_to_precision", ("39158bfcf77d", "2c8343b01701")
        ),
    ],
    _install,
)

"""The part "candles": most candles of a backtest change nothing, and are found to do so quickly.

Freqtrade asks of every pair at every candle whether an order fills, is to be withdrawn or replaced,
whether there is an entry or an exit. Here a pair without a trade and without a signal is passed
over, a trade without an open order is asked for an exit only, and there is none while its price
reaches neither stop nor target, or while its strategy knows that nothing is due. All that could
change something is left to Freqtrade's functions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from freqtrade.optimize.backtesting import (
    DATE_IDX,
    ELONG_IDX,
    ESHORT_IDX,
    HIGH_IDX,
    LONG_IDX,
    LOW_IDX,
    OPEN_IDX,
    SHORT_IDX,
    Backtesting,
)
from freqtrade.persistence import LocalTrade, Order
from freqtrade.strategy.interface import IStrategy

from perpkit.bot.acceleration.part import Part, Replacements, Seam
from perpkit.bot.acceleration.stays import STAYS, is_below

_stock_loop = Backtesting.backtest_loop
_stock_check = Backtesting._check_trade_exit
# With these of a strategy's own, an exit can have other reasons than stop and target.
_DECIDING = (
    "should_exit",
    "custom_exit",
    "ft_stoploss_adjust",
    "ft_stoploss_reached",
    "min_roi_reached",
    "min_roi_reached_entry",
)


def backtest_loop(
    self: Backtesting,
    row: tuple[Any, ...],
    pair: str,
    current_time: datetime,
    trade_dir: str | None,
    can_enter: bool,
) -> str | None:
    """As `Backtesting.backtest_loop`."""
    trades = LocalTrade.bt_trades_open_pp[pair]
    if not trades:
        if trade_dir is None or not can_enter:
            return None
        return _stock_loop(self, row, pair, current_time, trade_dir, can_enter)
    trade = trades[0]
    if len(trades) > 1 or self._position_stacking or _has_open_order(trade.orders):
        return _stock_loop(self, row, pair, current_time, trade_dir, can_enter)
    direction = "short" if trade.is_short else "long"
    if trade.amount > 0:
        self._check_trade_exit(trade, row, current_time)
    if _has_open_order(trade.orders):
        order = trade.select_order(trade.exit_side, is_open=True)
        if order:
            self._process_exit_order(order, trade, current_time, row, pair)
    return None if LocalTrade.bt_trades_open_pp[pair] else direction


def _has_open_order(orders: list[Order]) -> bool:
    # Not through SQLAlchemy, whose objects of a backtest are never in a database.
    return any([order.__dict__.get("ft_is_open") for order in orders])  # noqa: C419


def check_trade_exit(
    self: Backtesting, trade: LocalTrade, row: tuple[Any, ...], current_time: datetime
) -> LocalTrade | None:
    """As `Backtesting._check_trade_exit`."""
    self._run_funding_fees(trade, current_time)
    if trade.is_open and _stays(self.strategy, trade, row):
        trade.adjust_min_max_rates(row[HIGH_IDX], row[LOW_IDX])
        return None
    return _stock_check(self, trade, row, current_time)


def _stays(strategy: IStrategy, trade: LocalTrade, row: tuple[Any, ...]) -> bool:
    """Whether it is certain that a candle changes nothing of a trade, and that there is no exit."""
    if not CANDLES.is_on:  # a patch that wraps `check_trade_exit` calls it all the same
        return False
    short, low, high = trade.is_short, row[LOW_IDX], row[HIGH_IDX]
    signals = (SHORT_IDX, ESHORT_IDX) if short else (LONG_IDX, ELONG_IDX)
    if (row[signals[1]] and not row[signals[0]]) or not (low and high) or not trade.stop_loss:
        return False
    worst, best = (high, low) if short else (low, high)
    for level in (trade.stop_loss, trade.liquidation_price):
        if level and (level <= worst if short else level >= worst):
            return False
    if (knows := vars(strategy).get(STAYS)) is not None:
        stays: bool = knows(trade, row[DATE_IDX].to_pydatetime(), row[OPEN_IDX], best)
        return stays
    return _stays_by_levels(strategy, trade, best)


def _stays_by_levels(strategy: IStrategy, trade: LocalTrade, best: float) -> bool:
    """The same of a trade whose stop is not reached, from targets alone.

    :param best: the best price of the candle
    """
    if strategy.position_adjustment_enable or not has_only_stop_and_target(strategy):
        return False
    targets = list(strategy.minimal_roi.values())
    if strategy.trailing_stop:
        if not strategy.trailing_only_offset_is_reached:
            return False
        targets.append(strategy.trailing_stop_positive_offset)  # below it, the stop stays
    try:
        return not targets or is_below(trade, best, min(targets))
    except TypeError:  # a target that is none
        return False


def has_only_stop_and_target(strategy: IStrategy) -> bool:
    """Whether nothing of a strategy's own can be a reason for an exit."""
    if strategy.use_custom_stoploss or strategy.use_custom_roi:
        return False
    kind = type(strategy)
    plain = _PLAIN.get(kind)
    if plain is None:
        plain = _PLAIN[kind] = all(getattr(kind, n) is getattr(IStrategy, n) for n in _DECIDING)
    return plain and not (vars(strategy).keys() & _NAMES)


_PLAIN: dict[type, bool] = {}
_NAMES = frozenset(_DECIDING)


def _install(replacements: Replacements) -> None:
    replacements.put(Backtesting, "backtest_loop", backtest_loop, _stock_loop)
    replacements.put(Backtesting, "_check_trade_exit", check_trade_exit, _stock_check)


_RUN = "freqtrade.optimize.backtesting:Backtesting."
_TRADE = "freqtrade.persistence.trade_model:LocalTrade."
_STRATEGY = "freqtrade.strategy.interface:IStrategy."

CANDLES = Part(
    [
        Seam(f"{_RUN}backtest_loop", ("e6a713e72f92",)),
        Seam(f"{_RUN}_check_trade_exit", ("4ac309aa6b16",)),
        Seam(f"{_RUN}_check_adjust_trade_for_candle", ("718be172bd6f",)),
        Seam(f"{_RUN}manage_open_orders", ("b7319ea823d8",)),
        Seam(f"{_RUN}_try_close_open_order", ("c620c987f661",)),
        Seam(f"{_TRADE}select_order", ("2016287595c0", "c2a309812230")),
        Seam(f"{_TRADE}has_open_position", ("25af7c6b9f87",)),
        Seam(f"{_TRADE}adjust_stop_loss", ("d99bbd9e20b3",)),
        Seam(f"{_TRADE}adjust_min_max_rates", ("6279d4d77efb",)),
        # The formula of `is_below`.
        Seam(f"{_TRADE}_calc_base_close", ("2845c9aac321",)),
        Seam(f"{_TRADE}calc_close_trade_value", ("05065715f3b9",)),
        Seam(f"{_TRADE}calc_profit_ratio", ("909069df4baf", "e017fd8847a4")),
        Seam(f"{_STRATEGY}_adjust_trade_position_internal", ("ce71de2d3ebe",)),
        Seam(f"{_STRATEGY}should_exit", ("7fd9ed68a3c7",)),
        Seam(f"{_STRATEGY}ft_stoploss_adjust", ("1cd035eecab4",)),
        Seam(f"{_STRATEGY}ft_stoploss_reached", ("3dd4c2e99c1d",)),
        Seam(f"{_STRATEGY}min_roi_reached", ("7ffc3d1cf180",)),
        Seam(f"{_STRATEGY}min_roi_reached_entry", ("f525b4b7cd2b", "18e1f831a735")),
        Seam(f"{_STRATEGY}custom_exit", ("95ac66b0f15f",)),
    ],
    _install,
    _PLAIN.clear,
)

"""The initial stop that Freqtrade shows of a trade is the first real one.

Freqtrade records the class's `stoploss` as the initial stop before it asks `custom_stoploss`, and
keeps it: a floor that is never reached. FreqUI, `/status` and exports then show a risk that was
never taken.
"""

from __future__ import annotations

from freqtrade.persistence import LocalTrade, Trade

from perpkit.risk.stops import stop_price

# Prices of stops are rounded to the exchange's ticks.
ROUNDED = 0.995


def show_first_stop(trade: LocalTrade, floor: float, risk: float, *, after_fill: bool) -> None:
    """Replaces the floor by the trade's first stop, once it is there.

    :param trade: Freqtrade's own, whose stop has been adjusted
    :param floor: the strategy's `stoploss`, below 0
    :param risk: R of the trade, in price; 0 while unknown
    :param after_fill: its stop has just been set for a fill
    """
    if trade.initial_stop_loss_pct != -abs(floor) or not trade.stop_loss:
        return  # shown already, or there is none yet
    first = trade.stop_loss
    if not after_fill or trade.is_stop_loss_trailing or trade.nr_of_successful_entries > 1:
        if not risk:
            return
        first = stop_price(trade.open_rate, risk / trade.open_rate, trade.is_short)
    away = abs(first / trade.open_rate - 1) * (trade.leverage or 1.0)
    if away < abs(floor) * ROUNDED:  # else it is that floor: the strategy's own stop has failed
        trade.initial_stop_loss, trade.initial_stop_loss_pct = first, -away


def keep_stops_at_start(floor: float) -> None:
    """Before Freqtrade starts: it resets the stop of a trade whose initial one is not `floor`.

    It takes the difference for a changed setting, and would loosen the stop to the floor. The next
    adjustment of the stop shows the first one again.
    """
    shown = [
        trade
        for trade in Trade.get_open_trades()
        if trade.initial_stop_loss_pct not in (None, -abs(floor))
    ]
    for trade in shown:
        trade.initial_stop_loss_pct = -abs(floor)
    if shown and Trade.use_db:
        Trade.commit()

"""Serves coarse history as fast candles: an hour passes in a minute, on a clock of usual speed.

Freqtrade reads the machine's clock, so the bot cannot run faster. The market can: 1h candles
labelled as 1m ones replay it at sixty times its speed.
"""

from __future__ import annotations

from dataclasses import replace

from perpkit.venue.market.candles import Candles, Times, interval_ms
from perpkit.venue.market.history import Funding, History, PairHistory, Positioning


def relabelled(history: History, coarse: str, fine: str, anchor: int) -> History:
    """`history` with all times compressed around `anchor`, so that `coarse` candles last `fine`.

    Candles of `fine` replace all that are on record; longer ones are built from them. Settlements
    and readings follow at the same faster pace. Prices and rates stay as they are, so each candle
    is as volatile as the coarse one was; volume is divided by the ratio, so that a day's turnover
    stays that of a day.

    :param anchor: the time that stays where it is, ms, on the grid of `coarse`
    :raises ValueError: naming the parameter
    """
    long, short = interval_ms(coarse), interval_ms(fine)
    if long <= short or long % short:
        raise ValueError(f"coarse must be a multiple of fine, got {coarse!r} and {fine!r}")
    if anchor % long:
        raise ValueError(f"anchor must be a multiple of {long} ms ({coarse}), got {anchor}")
    ratio = long // short

    def faster(time: Times) -> Times:
        return anchor + (time - anchor) // ratio

    def candles(stored: Candles) -> Candles:
        return replace(stored, time=faster(stored.time), volume=stored.volume / ratio)

    def positioning(stored: Positioning) -> Positioning:
        return replace(stored, time=faster(stored.time))

    return History(
        {
            symbol: PairHistory(
                pair.instrument,
                {kind: {fine: candles(pair.candles(kind, coarse))} for kind in pair.stored},
                Funding(faster(pair.funding.time), pair.funding.rate),
                positioning(pair.positioning) if pair.positioning else None,
                pair.life.moved(lambda time: anchor + (time - anchor) // ratio)
                if pair.life
                else None,
            )
            for symbol, pair in history.pairs.items()
        }
    )

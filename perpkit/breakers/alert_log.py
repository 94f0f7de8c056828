"""Which market alerts are sent, which are withheld, and the summary that contains the latter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isnan, nan

from perpkit.breakers.market_alerts import Alert, AlertKind, AlertLimits, MarketReading
from perpkit.durations import HOUR

KEPT = 100
# Lines of a summary; Telegram refuses a message of more than 4096 characters.
PAIRS_SHOWN = 20
WITHHELD_SHOWN = 10


@dataclass(frozen=True)
class AlertLog:
    """The alerts that were sent or withheld lately.

    :param sent_at: time of the last alert of each pair and kind, if too recent for another one
    :param kept: the newest `KEPT` alerts since the last summary, sent and withheld
    """

    sent_at: Mapping[tuple[str, AlertKind], datetime] = field(default_factory=dict)
    kept: tuple[Alert, ...] = ()


def admit(
    limits: AlertLimits, log: AlertLog, alerts: Iterable[Alert], now: datetime
) -> tuple[AlertLog, tuple[Alert, ...]]:
    """Returns the log with all new alerts, and those to send now, the most urgent first.

    A withheld alert is never sent later; the summary shows it.

    >>> alert = Alert(datetime(2026, 1, 1), "BTC/USDT:USDT", AlertKind.PRICE, "price +6%")
    >>> log, sent = admit(AlertLimits(), AlertLog(), [alert, alert], datetime(2026, 1, 1, 0, 1))
    >>> len(log.kept), len(sent)  # the second one is withheld
    (2, 1)
    """
    quiet = timedelta(hours=limits.quiet_hours)
    sent_at = {key: at for key, at in log.sent_at.items() if now - at < quiet}
    # The quiet time is at least an hour, so that `sent_at` has all alerts of the last hour.
    left = limits.max_per_hour - sum(now - at < HOUR for at in sent_at.values())
    decided = []
    for alert in sorted(alerts, key=lambda new: limits.kinds.index(new.kind)):
        sent = left > 0 and (alert.pair, alert.kind) not in sent_at
        if sent:
            sent_at[alert.pair, alert.kind] = now
            left -= 1
        decided.append(alert._replace(sent=sent))
    kept = (*log.kept, *decided)[-KEPT:]
    return AlertLog(sent_at, kept), tuple(alert for alert in decided if alert.sent)


def summary(
    limits: AlertLimits, log: AlertLog, pairs: Mapping[str, MarketReading | None], now: datetime
) -> str:
    """Returns one message: the state of the pairs, the largest move first, and the recent alerts.

    :param limits: with the windows of the readings
    :param log: the alerts since the last summary
    :param pairs: the reading of each pair; None without a current candle
    """
    withheld = [alert.text for alert in log.kept if not alert.sent]
    sent = len(log.kept) - len(withheld)
    lines = [_line(pair, reading) for pair, reading in sorted(pairs.items(), key=_by_move)]
    return "\n".join(
        [
            f"Market at {now:%Y-%m-%d %H:%M} UTC (price over {limits.price_hours:g} h, funding per "
            "8 h, open interest over 24 h)",
            *_first(PAIRS_SHOWN, lines),
            f"Alerts since the last summary: {sent} sent, {len(withheld)} withheld",
            *_first(WITHHELD_SHOWN, withheld),
        ]
    )


def _by_move(item: tuple[str, MarketReading | None]) -> tuple[float, str]:
    pair, reading = item
    change = nan if reading is None else abs(reading.price_change)
    return (0.0 if isnan(change) else -change), pair


def _line(pair: str, reading: MarketReading | None) -> str:
    if reading is None:
        return f"{pair}: no current candle"
    parts = (
        (reading.price_change, f"{reading.price_change:+.1%}"),
        (
            reading.funding_rate_8h,
            f"funding {reading.funding_rate_8h:+.4%} ({reading.funding_rate_annual:+.0%} a year)",
        ),
        (reading.long_short_ratio, f"long/short {reading.long_short_ratio:.2f}"),
        (reading.open_interest_change, f"open interest {reading.open_interest_change:+.1%}"),
    )
    known = [text for value, text in parts if not isnan(value)]
    return ", ".join([f"{pair}: {reading.close:.8g}", *known])


def _first(most: int, lines: list[str]) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], f"and {more} more"] if more > 0 else lines

"""Alerts in a running bot: news once, nothing old, and never in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from perpkit.bot.watching.market_alerts import GRACE, MarketAlerts
from perpkit.breakers.market_alerts import AlertKind, AlertLimits
from tests.factories import PAIRS, START

BTC, ETH, XRP = PAIRS[:3]
HOUR, LATER = timedelta(hours=1), timedelta(seconds=20)
NO_SUMMARY = AlertLimits(summary_hours=0)


class Bot:
    """A data provider: what the bot has analysed, and what it sends."""

    def __init__(self, *pairs: str) -> None:
        self.pairs = list(pairs)
        self.ratios: dict[str, list[float]] = {pair: [] for pair in pairs}
        self.sent: list[str] = []
        self.error: Exception | None = None

    def current_whitelist(self):
        return self.pairs

    def get_analyzed_dataframe(self, pair, timeframe):
        assert timeframe == "1h"
        if self.error is not None:
            raise self.error
        ratios = self.ratios[pair]
        dates = pd.date_range(START, periods=len(ratios), freq="1h")
        frame = {"date": dates, "close": 100.0, "long_short_ratio": ratios}
        return (pd.DataFrame(frame) if ratios else pd.DataFrame()), None

    def send_msg(self, message, *, always_send):
        assert always_send
        self.sent.append(message)

    def close(self, **ratios: float):
        """The next candle, with these long/short ratios."""
        for pair in self.pairs:
            self.ratios[pair].append(ratios.get(pair[:3], 1.0))


def alerts(bot: Bot, limits: AlertLimits = NO_SUMMARY) -> MarketAlerts:
    return MarketAlerts({"timeframe": "1h"}, bot, limits)


def after(candles: int):
    """A little after the close of so many candles."""
    return START + candles * HOUR + LATER


def live(bot: Bot, subject: MarketAlerts, *ratios: float) -> None:
    """Through candles with these ratios of BTC: a loop before each is analysed, two after it."""
    for ratio in ratios:
        now = after(len(bot.ratios[BTC]) + 1)
        subject.step(now)
        bot.close(BTC=ratio)
        subject.step(now + LATER)
        subject.step(now + 2 * LATER)


def crowded(*ratios: float) -> list[str]:
    return [f"{BTC}: long/short ratio {ratio:.2f}, longs are crowded" for ratio in ratios]


def test_news_is_sent_once():
    bot = Bot(BTC)
    live(bot, alerts(bot), 1, 3.1, 3.2, 2, 3.3)
    assert bot.sent == crowded(3.1, 3.3)


def test_after_a_restart_nothing_is_sent_again():
    bot = Bot(BTC)
    live(bot, alerts(bot), 1, 1, 3.1)
    restarted = alerts(bot)
    for loops in range(3):
        restarted.step(after(3) + (3 + loops) * LATER)
    live(bot, restarted, 3.2, 2, 3.3)
    assert bot.sent == crowded(3.1, 3.3)


def test_candles_that_come_too_late_are_no_news():
    bot, late = Bot(BTC), Bot(BTC)
    for subject, candles_later in ((bot, 0), (late, 2)):
        market = alerts(subject)
        live(subject, market, 1, 1)
        subject.close(BTC=3.1)
        market.step(after(3 + candles_later))
    assert (bot.sent, late.sent) == (crowded(3.1), [])


def test_the_alerts_of_one_candle_are_one_message():
    bot = Bot(BTC, ETH)
    market = alerts(bot)
    live(bot, market, 1)
    bot.close(BTC=3.1, ETH=0.3)
    market.step(after(2))
    assert bot.sent == [
        f"{BTC}: long/short ratio 3.10, longs are crowded\n"
        f"{ETH}: long/short ratio 0.30, shorts are crowded"
    ]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (NO_SUMMARY, 2),
        (replace(NO_SUMMARY, pairs=(ETH, XRP)), 1),
        (replace(NO_SUMMARY, pairs=(XRP,)), 0),
        (replace(NO_SUMMARY, kinds=(AlertKind.PRICE,)), 0),
        (replace(NO_SUMMARY, max_per_hour=1), 1),
    ],
)
def test_pairs_kinds_and_number_are_those_of_the_limits(limits, expected):
    bot = Bot(BTC, ETH)
    market = alerts(bot, limits)
    live(bot, market, 1)
    bot.close(BTC=3.1, ETH=0.3)
    market.step(after(2))
    assert len("".join(bot.sent).split("crowded")) - 1 == expected


def test_the_summary_comes_with_the_hour_and_shows_what_was_withheld():
    bot = Bot(BTC, ETH)
    market = alerts(bot, AlertLimits(max_per_hour=1))
    live(bot, market, 1)
    bot.sent.clear()
    market.step(after(2))  # the candle is not there yet
    assert bot.sent == []
    bot.close(BTC=3.1, ETH=3.2)
    market.step(after(2) + LATER)
    told, first = bot.sent
    assert [told] == crowded(3.1)
    assert first.splitlines() == [
        "Market at 2023-01-01 02:00 UTC (price over 24 h, funding per 8 h, open interest over "
        "24 h)",
        f"{BTC}: 100, long/short 3.10",
        f"{ETH}: 100, long/short 3.20",
        "Alerts since the last summary: 1 sent, 1 withheld",
        f"{ETH}: long/short ratio 3.20, longs are crowded",
    ]
    market.step(after(2) + 2 * LATER)
    assert len(bot.sent) == 2
    bot.close(BTC=3.1, ETH=3.2)
    market.step(after(3))
    assert bot.sent[2].splitlines()[-1] == "Alerts since the last summary: 0 sent, 0 withheld"


def test_without_candles_the_summary_says_so_after_a_while():
    bot = Bot(BTC)
    market = alerts(bot, AlertLimits())
    live(bot, market, 1)
    bot.sent.clear()
    two = START + 2 * HOUR + GRACE
    market.step(two - LATER)
    assert bot.sent == []
    market.step(two)
    assert f"{BTC}: 100" in bot.sent.pop()
    market.step(two + HOUR)
    assert f"{BTC}: no current candle" in bot.sent.pop()


def test_a_failure_is_logged_once_and_gets_in_nobodys_way(caplog):
    bot = Bot(BTC)
    market = alerts(bot)
    live(bot, market, 1, 1)
    bot.error = ValueError("no frame")
    for _ in range(3):
        market.step(after(3))
    assert caplog.text.count("Market alerts failed.") == 1
    assert "no frame" in caplog.text
    bot.error = None
    live(bot, market, 3.1)
    assert bot.sent == crowded(3.1)


def test_candles_that_do_not_reach_back_a_day_are_named_once(caplog):
    short, long = Bot(BTC), Bot(BTC)
    long.ratios[BTC] = [1.0] * 25
    live(short, alerts(short), 1, 1, 1)
    live(long, alerts(long), 1)
    assert [r.message for r in caplog.records] == [
        f"Market alerts: the candles of {BTC} do not reach back 24 h."
    ]


def test_a_message_has_no_marks_that_telegram_would_refuse():
    odd = "A_B*C`/USDT:USDT"
    bot = Bot(odd)
    bot.ratios[odd] = [1.0]
    market = alerts(bot, AlertLimits())
    market.step(after(1))
    bot.ratios[odd].append(3.1)
    market.step(after(2))
    assert len(bot.sent) == 2
    assert not set("_*`[") & set("".join(bot.sent))

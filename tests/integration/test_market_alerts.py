"""Market alerts as the operator reads them in Telegram; venue and clock are virtual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.exceptions import ConfigurationError

from tests.bench.in_process import bench
from tests.bench.scripted_market import scripted_market
from tests.bench.telegram import CONFIG, telegram

pytestmark = pytest.mark.integration

# Two settlements of funding after the script's candles begin.
START = datetime(2026, 3, 2, 1, 45, 20, tzinfo=UTC)
# Up 6% in five minutes, well before the hour, and there it stays.
SCRIPT = [(0, 50_000.0), (4, 50_000.0), (9, 53_000.0)]
# The script has less than a day behind it.
ALERTS = {"price_hours": 4}


@pytest.fixture
def chat():
    with telegram() as chat:
        yield chat


def watching(start=START, **perpkit):
    """A bot that trades nothing, on that market."""
    settings = {
        "telegram": CONFIG,
        "breakers": [],
        "pairlists": [{"method": "StaticPairList"}],
        "perpkit": {**perpkit, "use": {"refresh": False, **perpkit.get("use", {})}},
    }
    return bench("Braked", scripted_market(START, SCRIPT, funding_rate=1e-4), start, **settings)


def said(bot, chat, minutes: int) -> list[str]:
    """What the bot says of the market in that time."""
    chat.wait_until_heard()
    bot.run(minutes)
    chat.ask("/count", "current")  # after it, all that was said before has arrived
    return [text for text in chat.said if "BTC/USDT:USDT" in text]


def test_a_move_is_sent_once_and_the_summary_comes_every_hour(chat):
    with watching(use={"alerts": True}, alerts=ALERTS) as bot:
        move, first, second = said(bot, chat, 80)
    assert move.startswith("BTC/USDT:USDT: price +5.")
    assert move.endswith(" (limit 5%)")
    for text, hour, sent in ((first, 2, 1), (second, 3, 0)):
        assert text.startswith(f"Market at 2026-03-02 0{hour}:0")
        assert "BTC/USDT:USDT: 53000, +6.0%, funding +0.0100% (+11% a year)\n" in text
        assert text.endswith(f"Alerts since the last summary: {sent} sent, 0 withheld")


def test_a_bot_that_starts_after_the_move_tells_only_the_summary(chat):
    restarted = START + timedelta(minutes=11)
    with watching(restarted, use={"alerts": True}, alerts=ALERTS) as bot:
        [summary] = said(bot, chat, 9)
    assert "BTC/USDT:USDT: 53000, +6.0%" in summary
    assert summary.endswith("0 sent, 0 withheld")


def test_nothing_is_sent_by_default(chat):
    with watching(alerts=ALERTS) as bot:
        assert said(bot, chat, 20) == []


def test_alerts_that_fail_disturb_no_trading(chat, monkeypatch, caplog):
    def fail(*args):
        raise ValueError("no alerts today")

    monkeypatch.setattr("perpkit.bot.watching.market_alerts.admit", fail)
    with watching(use={"alerts": True}, alerts=ALERTS) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: bot.trades(), timedelta(minutes=5))
        assert caplog.text.count("Market alerts failed.") == 1


def test_a_bad_parameter_is_refused_at_the_start():
    with pytest.raises(ConfigurationError) as refused, watching(alerts={"kinds": ["volume"]}):
        raise AssertionError
    assert '"perpkit.alerts": kinds[0]' in str(refused.value)

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from perpkit.ops.stop.rest import RefusedError, RestError
from perpkit.ops.webhook import orders as room
from perpkit.ops.webhook.alert import Alert
from perpkit.ops.webhook.orders import Orders
from perpkit.record.trade_database import StoredTrade

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def trade(number: int, pair: str = BTC, is_short: bool = False) -> StoredTrade:
    return StoredTrade(number, pair, is_short, 1.0, None)


@dataclass
class Bot:
    """A bot whose trades and answers a test sets.

    :param fills: whether an exit closes its trade
    """

    trades: list[StoredTrade] = field(default_factory=list)
    error: RestError | None = None
    fills: bool = True
    asked: list[tuple] = field(default_factory=list)

    def open_trades(self):
        return list(self.trades)

    def force_exit(self, trade_id):
        self.asked.append(("exit", trade_id))
        if self.error:
            raise self.error
        if self.fills:
            self.trades = [t for t in self.trades if t.id != trade_id]

    def force_enter(self, pair, side, *, stake=None, leverage=None, tag=None):
        self.asked.append(("enter", pair, side, stake, leverage, tag))
        if self.error:
            raise self.error
        return {"trade_id": 9, "stake_amount": 100.0, "leverage": 3.0}


def alert(action: str, **given) -> Alert:
    return Alert.model_validate(
        {"time": 1772445600, "symbol": "BTCUSDT.P", "action": action} | given
    )


LONG, SHORT, OTHER = trade(1), trade(2, is_short=True), trade(3, ETH)
ENTER_LONG = ("enter", BTC, "long", None, None, "webhook")
ENTER_SHORT = ("enter", BTC, "short", None, None, "webhook")


@pytest.mark.parametrize(
    ("action", "there", "asked", "result"),
    [
        ("long", [], [ENTER_LONG], "entered"),
        ("short", [OTHER], [ENTER_SHORT], "entered"),
        ("long", [LONG], [], "refused"),
        ("long", [SHORT], [("exit", 2), ENTER_LONG], "entered"),
        ("short", [LONG], [("exit", 1), ENTER_SHORT], "entered"),
        ("exit", [LONG, OTHER], [("exit", 1)], "exited"),
        ("exit", [SHORT], [("exit", 2)], "exited"),
        ("exit_long", [LONG], [("exit", 1)], "exited"),
        ("exit_long", [SHORT], [], "nothing"),
        ("exit_short", [LONG], [], "nothing"),
        ("exit", [OTHER], [], "nothing"),
    ],
)
def test_what_the_bot_is_asked_for(action, there, asked, result):
    bot = Bot(there)
    assert Orders(bot).carry_out(alert(action)).result == result
    assert bot.asked == asked


def test_a_side_that_is_open_is_refused_by_name_and_at_once():
    outcome = Orders(Bot([LONG])).carry_out(alert("long"))
    assert (outcome.result, outcome.trades) == ("refused", (1,))
    assert "is long already" in outcome.words


def test_size_leverage_and_tag_are_handed_on():
    bot = Bot()
    Orders(bot).carry_out(alert("long", stake=50, leverage=2, tag="breakout"))
    assert bot.asked == [("enter", BTC, "long", 50, 2, "webhook breakout")]


def test_nothing_is_entered_before_the_other_side_is_closed(monkeypatch):
    monkeypatch.setattr(room, "_TO_CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(room, "_LOOK_SECONDS", 0.001)
    bot = Bot([SHORT], fills=False)
    outcome = Orders(bot).carry_out(alert("long"))
    assert outcome.result == "refused"
    assert "its exit has not filled" in outcome.words
    assert bot.asked == [("exit", 2)]


@pytest.mark.parametrize(
    ("words", "reason", "said"),
    [
        ("Failed to enter position for BTC.", "blocked by a breaker", "blocked by a breaker"),
        ("Maximum number of trades is reached.", "", "Maximum number of trades is reached."),
        (
            "Error querying /api/v1/forceenter: Force_entry not enabled.",
            "",
            '"force_entry_enable": true',
        ),
        ("Error querying /api/v1/forceenter: trader is not running", "", "the bot is stopped"),
    ],
)
def test_a_refusal_has_its_reason(words, reason, said):
    bot = Bot(error=RefusedError(f"forceenter failed in the bot: {words}", words))
    outcome = Orders(bot, lambda *_: reason).carry_out(alert("long"))
    assert outcome.result == "refused"
    assert said in outcome.words


def test_no_answer_is_not_called_a_refusal():
    outcome = Orders(Bot(error=RestError("no answer"))).carry_out(alert("long"))
    assert outcome.result == "unknown"
    assert "is not known" in outcome.words


def test_an_exit_that_fails_keeps_no_other_from_being_sent():
    bot = Bot([LONG, trade(4)], error=RestError("no answer"))
    assert Orders(bot).carry_out(alert("exit")).result == "unknown"
    assert bot.asked == [("exit", 1), ("exit", 4)]


def test_nothing_is_ordered_before_the_bot_that_is_meant_has_answered():
    """No bot is there at first, then another one that takes the same password."""
    answers = [RestError("no answer"), RestError("it is not this bot"), None]
    asked = []

    def check() -> None:
        asked.append(error := answers.pop(0))
        if error is not None:
            raise error

    bot = Bot([LONG])
    orders = Orders(bot, check=check)
    for action, words in (("short", "no answer"), ("exit", "it is not this bot")):
        outcome = orders.carry_out(alert(action))
        assert (outcome.result, outcome.words) == ("refused", f"{words}. Nothing was ordered")
    assert bot.asked == []
    assert orders.carry_out(alert("exit")).result == "exited"
    assert orders.carry_out(alert("exit")).result == "nothing"
    assert len(asked) == 3  # it is not asked again

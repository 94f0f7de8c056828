from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from perpkit.ops.webhook.alert import Alert, Wish, problems_of

GOOD = {"time": "2026-03-02T10:00:00Z", "symbol": "BTCUSDT.P", "action": "long"}


@pytest.mark.parametrize(
    ("action", "position", "wish"),
    [
        ("buy", None, Wish.LONG),
        ("sell", None, Wish.SHORT),
        ("BUY", "long", Wish.LONG),
        ("sell", "short", Wish.SHORT),
        ("sell", "flat", Wish.EXIT_LONG),
        ("buy", " Flat ", Wish.EXIT_SHORT),
        ("long", None, Wish.LONG),
        ("short", None, Wish.SHORT),
        ("exit", None, Wish.EXIT),
        ("exit_long", None, Wish.EXIT_LONG),
        ("exit_short", None, Wish.EXIT_SHORT),
    ],
)
def test_what_an_alert_asks_for(action, position, wish):
    alert = Alert.model_validate(GOOD | {"action": action, "position": position})
    assert alert.wish is wish
    assert alert.pair == "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("wish", "sides"),
    [(Wish.EXIT, {False, True}), (Wish.EXIT_LONG, {False}), (Wish.EXIT_SHORT, {True})]
    + [(entry, set()) for entry in (Wish.LONG, Wish.SHORT)],
)
def test_which_sides_are_closed(wish, sides):
    assert set(wish.closes) == sides
    assert wish.is_entry is not bool(sides)


@pytest.mark.parametrize(
    "time",
    ["2026-03-02T10:00:00Z", "2026-03-02T12:00:00+02:00", 1772445600, 1772445600000, "1772445600"],
)
def test_times_are_read_with_their_zone(time):
    alert = Alert.model_validate(GOOD | {"time": time})
    assert alert.time == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time": "2026-03-02T10:00:00"}, "time"),  # of no zone
        ({"time": "{{timenow}}"}, "time"),
        ({"symbol": "{{ticker}}"}, "symbol"),
        ({"symbol": "X" * 65}, "symbol"),
        ({"action": "hold"}, "action"),
        ({"action": 1}, "action"),
        ({"position": "neutral"}, "position"),
        ({"action": "exit", "position": "flat"}, "alert: position goes with"),
        ({"action": "sell", "position": "long"}, "alert: action sell with position long"),
        ({"action": "buy", "position": "short"}, "alert: action buy with position short"),
        ({"stake": 0}, "stake"),
        ({"stake": float("inf")}, "stake"),
        ({"stake": "lots"}, "stake"),
        ({"stake": True}, "stake: must be a number"),
        ({"leverage": True}, "leverage: must be a number"),
        ({"leverage": 0.5}, "leverage"),
        ({"leverage": 126}, "leverage"),
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 248}, "tag"),
        ({"amount": 3}, "amount"),
    ],
)
def test_a_bad_field_is_named_and_its_value_is_not_repeated(change, field):
    with pytest.raises(ValidationError) as raised:
        Alert.model_validate(GOOD | {"secret": "of the sender"} | change)
    problems = problems_of(raised.value)
    assert problems.startswith(field)
    assert "of the sender" not in problems + str(raised.value)


@pytest.mark.parametrize("missing", GOOD)
def test_a_missing_field_is_named(missing):
    with pytest.raises(ValidationError) as raised:
        Alert.model_validate({k: v for k, v in GOOD.items() if k != missing})
    assert problems_of(raised.value) == f"{missing}: Field required"


def test_the_secret_is_not_shown():
    alert = Alert.model_validate(GOOD | {"secret": "of the sender"})
    assert "of the sender" not in f"{alert!r} {alert} {alert.model_dump_json()}"

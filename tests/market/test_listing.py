"""How old a pair may be, and how near its end."""

from datetime import UTC, datetime, timedelta

import pytest

from perpkit.market.listing import ListingRule

NOW = datetime(2023, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rule", "days", "reason"),
    [
        ({}, 30, None),
        ({}, 29.9, "it was listed 29.9 days ago, less than 30"),
        ({}, 3000, None),
        ({"min_days_listed": 0}, 0, None),
        ({"min_days_listed": 0}, -0.5, "trading in it begins on 2023-03-02 00:00 UTC"),
        ({"max_days_listed": 90}, 90, None),
        ({"max_days_listed": 90}, 90.1, "it was listed 90.1 days ago, more than 90"),
    ],
)
def test_age(rule, days, reason):
    assert ListingRule(**rule).age_objection(NOW - days * DAY, NOW) == reason


@pytest.mark.parametrize(
    ("rule", "days", "objects"),
    [
        ({}, None, False),
        ({}, 400, True),
        ({}, 28_000, False),
        ({}, -1, True),
        ({"delisting_days": 7}, 7.1, False),
        ({"delisting_days": 7}, 7, True),
        ({"delisting_days": 7}, -1, True),
    ],
)
def test_end(rule, days, objects):
    ends = None if days is None else NOW + days * DAY
    reason = ListingRule(**rule).end_objection(ends, NOW)
    assert (reason is not None) is objects
    if objects:
        assert reason == f"it will be delisted on {ends:%Y-%m-%d %H:%M} UTC"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"min_days_listed": -1}, "min_days_listed must be a number from 0 to 3650, got -1"),
        ({"max_days_listed": "x"}, "max_days_listed must be .*got 'x'"),
        ({"delisting_days": 366}, "delisting_days must be a number from 0 to 365, got 366"),
        (
            {"min_days_listed": 90, "max_days_listed": 30},
            "min_days_listed must not exceed max_days_listed, got 90 and 30",
        ),
    ],
)
def test_a_bad_parameter_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        ListingRule(**bad)

"""Criteria by kind, overridden by the configuration; a bad value is one line."""

import pytest

from perpkit.golive.criteria import Criteria, Kind, criteria_of, kind_of

HOUR = 3600


@pytest.mark.parametrize(
    ("hours", "kind"),
    [(0, "intraday"), (23, "intraday"), (24, "swing"), (335, "swing"), (336, "slow")],
)
def test_the_kind_follows_from_how_long_trades_last(hours, kind):
    assert Kind.of(hours * HOUR) == kind


@pytest.mark.parametrize("kind", Kind)
def test_what_is_given_overrides_the_kind(kind):
    assert criteria_of(kind, {"kind": "slow", "slippage_bps": 3}).slippage_bps == 3
    assert criteria_of(kind, None).trades == 100
    assert criteria_of(kind, None).days >= 30


@pytest.mark.parametrize(("given", "kind"), [(None, None), ({}, None), ({"kind": "slow"}, "slow")])
def test_the_kind_can_be_named(given, kind):
    assert kind_of(given) == kind


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (5, "perpkit.golive must be an object of criteria, got 5"),
        ({"days": -1}, "perpkit.golive.days must be greater than or equal to 0, got -1"),
        ({"days": "30"}, "perpkit.golive.days must be a valid number, got '30'"),
        ({"trades": 7}, "perpkit.golive.trades must be greater than or equal to 8, got 7"),
        ({"fewest_trades": 7}, "perpkit.golive.fewest_trades must be greater than or equal to 8"),
        ({"trades": True}, "perpkit.golive.trades must be a valid integer, got True"),
        ({"win_rate": 55}, "perpkit.golive.win_rate must be less than or equal to 1, got 55"),
        ({"drawdown": float("nan")}, "perpkit.golive.drawdown must be a finite number, got nan"),
        ({"slipage": 1}, "perpkit.golive has no criterion 'slipage'. Allowed: kind, trades, "),
    ],
)
def test_a_bad_value_is_one_line(given, words):
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        criteria_of(Kind.SWING, given)
    assert str(refused.value).startswith(words)
    assert "\n" not in str(refused.value)


def test_another_kind_is_refused():
    words = r"perpkit.golive.kind must be one of intraday, swing, slow, got 'fast'"
    with pytest.raises(ValueError, match=words):
        kind_of({"kind": "fast"})


def test_every_criterion_is_documented():
    from tests.conftest import REPOSITORY

    page = (REPOSITORY / "docs" / "golive.md").read_text()
    defaults = Criteria()
    missing = [name for name in Criteria.model_fields if f"`{name}`" not in page]
    assert missing == []
    for name in ("trades", "fewest_trades", "band_days", "valid_days"):
        assert f"`{name}` | {getattr(defaults, name):g}" in page

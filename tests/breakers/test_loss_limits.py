"""One loss limit: what it compares equity with, and when its restriction ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import Trading
from perpkit.breakers.latch import Hysteresis
from perpkit.breakers.loss_limits import (
    RESOLUTION,
    LossLimit,
    Mark,
    Reference,
    Track,
    decide,
    follow,
    rolling,
    trailing,
)
from tests.factories import START

HOUR = timedelta(hours=1)
CAPITAL = 1000.0


def walk(limit: LossLimit, profits: list[float], step: timedelta = HOUR, opened=0.0) -> list[Track]:
    """The track after each profit, one a `step` from midnight on."""
    tracks, track, high = [], Track(), float("-inf")
    for i, profit in enumerate(profits):
        now = START + i * step
        high = max(high, profit)
        mark = Mark(now, now.timestamp(), CAPITAL, profit, opened and profit, high)
        track = follow(limit, limit.hysteresis(1), track, mark)
        tracks.append(track)
    return tracks


def letters(limit: LossLimit, profits: list[float], **how) -> str:
    return "".join("X" if track.tripped else "." for track in walk(limit, profits, **how))


@pytest.mark.parametrize(
    ("limit", "profits", "expected"),
    [
        # trailing: below the highest of the window, which moves on
        ({"hours": 2}, [0, -99], ".."),
        ({"hours": 2}, [0, -100], ".X"),
        ({"hours": 2}, [0, 200, 90, 80], "...X"),  # of 1200 at the peak, not of the capital
        ({"hours": 2}, [0, -60, -100, -110, -110], "..XX."),
        ({"hours": 2}, [0, -100, -60, -40], ".XX."),  # held until half of it is made up
        # start: where it was, however high it went in between
        ({"hours": 2, "reference": "start"}, [0, 100, -20, -20], "...X"),
        ({"hours": 2, "reference": "start"}, [0, 200, 0, 80, 80], "...X."),
        # the day begins anew at its reset, and restricts until then
        ({"reference": "day", "reset_hour": 3}, [0, -100, 0, 0, -50, -90], ".XX..."),
        ({"reference": "day", "reset_hour": 3}, [0, 0, 0, 0, -100, 50, 99], "....XXX"),
        # the high-water mark never moves on
        ({"reference": "high_water"}, [0, 100, *[0] * 400, -10], "." * 402 + "X"),
        # what is open, whatever was won before
        ({"reference": "open"}, [50, -99, -100, -70, -40], "..XX."),
    ],
)
def test_references(limit, profits, expected):
    opened = limit.get("reference") == "open"
    assert letters(LossLimit(0.10, **limit), profits, opened=opened) == expected


@pytest.mark.parametrize(
    ("given", "profits", "expected"),
    [
        # a cool-down lasts, recovered or not
        ({"cool_down_hours": 3}, [0, -100, 0, 0, 0, 0], ".XXX.."),
        # and is followed by another when nothing has recovered
        ({"cool_down_hours": 3}, [0, -100, -100, -100, -100, 0, 0, 0], ".XXXXXX."),
        # at most so long: then the loss is written off, and a new one counts from there
        ({"longest_hours": 3}, [0, *[-100] * 6], ".XXX..."),
        ({"longest_hours": 3}, [0, *[-100] * 4, -150, -191], ".XXX..X"),
        ({"longest_hours": 3, "cool_down_hours": 2}, [0, *[-100] * 6], ".XXX..."),
        # without either it ends with the recovery
        ({}, [0, -100, -50.1, -49.9], ".XX."),
        ({"recovered": 0.09}, [0, -100, -91, -89], ".XX."),
    ],
)
def test_how_long(given, profits, expected):
    assert letters(LossLimit(0.10, hours=100, **given), profits) == expected


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        ({"cool_down_hours": 6}, [6, 6, 6, 6, 6, 6, 12, 12]),
        ({"cool_down_hours": 6, "longest_hours": 8}, [6, 6, 6, 6, 6, 6, 8, 8]),
        ({}, [None] * 8),
    ],
)
def test_it_is_never_over_before_its_release(given, hours):
    limit = LossLimit(0.10, hours=100, **given)
    tracks = walk(limit, [0, *[-100] * 8])[1:]
    tripped = START + HOUR
    assert [t.release for t in tracks] == [h and tripped + h * HOUR for h in hours]


@pytest.mark.parametrize(
    ("given", "trading", "size", "reason"),
    [
        (
            {"hours": 24},
            Trading.REDUCING,
            0.0,
            "equity 880.00, 12.00% below its highest of the last 24 h (limit 10.00%, until below "
            "5.00%): no new entries",
        ),
        (
            {"hours": 168, "reference": "start", "trading": "active", "size_factor": 0.3},
            Trading.ACTIVE,
            0.3,
            "equity 880.00, 12.00% below where it was 7 days ago (limit 10.00%, until below "
            "5.00%): 30% of the usual size",
        ),
        (
            {"reference": "day", "reset_hour": 8},
            Trading.REDUCING,
            0.0,
            "equity 880.00, 12.00% below where it was at 08:00 UTC (limit 10.00%): no new entries",
        ),
        (
            {"reference": "high_water", "trading": "halted"},
            Trading.HALTED,
            0.0,
            "equity 880.00, 12.00% below its high-water mark (limit 10.00%): everything is closed",
        ),
        (
            {"reference": "open", "recovered": 0.08},
            Trading.REDUCING,
            0.0,
            "equity 880.00, 12.00% below what it is without the open positions (limit 10.00%, "
            "until below 8.00%): no new entries",
        ),
    ],
)
def test_what_it_asks_for_and_why(given, trading, size, reason):
    limit = LossLimit(0.10, **given)
    track = walk(limit, [0, -120], opened=float(limit.reference is Reference.OPEN))[-1]
    decision = decide(limit, limit.hysteresis(1), track, CAPITAL - 120)
    assert (decision.trading, decision.size_factor) == (trading, size)
    assert decision.release == track.release
    assert decision.reason == reason


@pytest.mark.parametrize("profits", [[0, -1000], [0, -2000], [-1000, -1001]])
def test_nothing_left_is_a_loss_beyond_any_limit(profits):
    assert letters(LossLimit(1.0, hours=10), profits)[-1] == "X"


def test_a_deposit_is_no_gain_and_a_withdrawal_no_loss():
    limit, track = LossLimit(0.10, hours=10), Track()
    for hour, capital in enumerate([1000.0, 5000.0, 400.0]):
        now = START + hour * HOUR
        mark = Mark(now, now.timestamp(), capital, -20.0, 0.0, -20.0)
        track = follow(limit, limit.hysteresis(1), track, mark)
        assert track.tripped is None


def mark(profit: float, open_profit: float = 0.0, capital: float = CAPITAL) -> Mark:
    return Mark(START, START.timestamp(), capital, profit, open_profit, max(profit, 0.0))


@pytest.mark.parametrize(
    ("capital", "profit", "open_profit", "trips"),
    [
        (1000, -99, -99, False),
        (1000, -100, -100, True),
        # a share of the equity without the open positions: what was won or lost before counts
        (1000, 801, -199, False),
        (1000, 800, -200, True),
        (1000, -449, -49, False),
        (1000, -560, -60, True),
        # nothing to lose from: an open loss is beyond any limit, none is none
        (1000, -1001, -1, True),
        (1000, -1000, 0, False),
        (0, 0, 0, False),
    ],
)
def test_what_is_open_is_compared_with_equity_without_it(capital, profit, open_profit, trips):
    limit = LossLimit(0.10, Reference.OPEN)
    track = follow(limit, limit.hysteresis(1), Track(), mark(profit, open_profit, capital))
    assert (track.tripped is not None) is trips


def test_a_track_without_loss_keeps_its_samples_only():
    limit = LossLimit(0.10, hours=10)
    near = walk(limit, [0, -90])[-1]
    assert near == Track(near.samples)
    assert near.samples == ((START.timestamp(), 0), ((START + HOUR).timestamp(), -90))


# Of a window of so many seconds a sample is kept for each second.
SECONDS = float(RESOLUTION)


@pytest.mark.parametrize(
    ("samples", "newest", "kept"),
    [
        ([], (160.0, 1), [(160.0, 1)]),
        # lower ones may become the highest, once the higher ones are too old
        ([(100.0, 3)], (160.0, 1), [(100.0, 3), (160.0, 1)]),
        ([(100.0, 3), (120.0, 1)], (160.0, 2), [(100.0, 3), (160.0, 2)]),
        ([(100.0, 3), (120.0, 1)], (160.0, 3), [(160.0, 3)]),
        ([(100.0, 3), (120.0, 1)], (160.0, 4), [(160.0, 4)]),
        # two of one second: as high as the higher, as new as the newer
        ([(100.0, 3), (160.0, 2)], (160.9, 1), [(100.0, 3), (160.9, 2)]),
        ([(100.0, 3), (160.0, 2)], (160.9, 2), [(100.0, 3), (160.9, 2)]),
        ([(160.0, 2)], (160.9, 1), [(160.9, 2)]),
        ([(100.0, 3), (160.9, 2)], (161.0, 1), [(100.0, 3), (160.9, 2), (161.0, 1)]),
        # older than the window
        ([(0.0, 3), (100.0, 2)], (168.0, 1), [(0.0, 3), (100.0, 2), (168.0, 1)]),
        ([(0.0, 3), (100.0, 2)], (168.5, 1), [(100.0, 2), (168.5, 1)]),
        ([(0.0, 3), (0.9, 2), (100.0, 1)], (200.0, 0), [(100.0, 1), (200.0, 0)]),
        ([(0.0, 3), (100.0, 2)], (500.0, 1), [(500.0, 1)]),
    ],
)
def test_candidates_for_the_highest(samples, newest, kept):
    assert trailing(tuple(samples), newest, SECONDS) == tuple(kept)


def test_a_peak_is_at_most_one_resolution_older_than_the_window():
    """However many samples of one resolution become one."""
    samples = ((160.0, 9),)
    for stamp in (160.3, 160.6, 160.9, 161.2):
        samples = trailing(samples, (stamp, 0), SECONDS)
    assert samples == ((160.9, 9), (161.2, 0))
    assert trailing(samples, (160.9 + SECONDS, -1), SECONDS)[0] == (160.9, 9)
    assert trailing(samples, (161.0 + SECONDS, -1), SECONDS)[0] == (161.2, 0)


@pytest.mark.parametrize(
    ("samples", "newest", "kept"),
    [
        ([], (160.0, 1), [(160.0, 1)]),
        ([(100.0, 3)], (160.0, 4), [(100.0, 3), (160.0, 4)]),
        # the first of each second
        ([(100.0, 3), (160.0, 2)], (160.9, 4), [(100.0, 3), (160.0, 2)]),
        ([(100.0, 3), (160.9, 2)], (161.0, 4), [(100.0, 3), (160.9, 2), (161.0, 4)]),
        # older than the window
        ([(0.0, 3), (100.0, 2)], (168.0, 1), [(0.0, 3), (100.0, 2), (168.0, 1)]),
        ([(0.0, 3), (100.0, 2)], (168.5, 1), [(100.0, 2), (168.5, 1)]),
        ([(0.0, 3), (0.9, 2), (168.0, 1)], (168.95, 0), [(168.0, 1)]),
        ([(0.0, 3), (100.0, 2)], (500.0, 1), [(500.0, 1)]),
    ],
)
def test_candidates_for_the_start(samples, newest, kept):
    assert rolling(tuple(samples), newest, SECONDS) == tuple(kept)


@pytest.mark.parametrize(
    ("given", "confirm", "rule"),
    [
        ({"hours": 1}, 1, Hysteresis(0.10, 0.05, 1)),
        ({"hours": 1, "recovered": 0.0}, 3, Hysteresis(0.10, 0.0, 3)),
        ({"reference": "open", "recovered": 0.08}, 1, Hysteresis(0.10, 0.08, 1)),
        # it does not end by itself: what trips it must hold now
        ({"hours": 1, "trading": "halted"}, 2, Hysteresis(0.10, 0.10, 2)),
        ({"reference": "open", "trading": "halted", "recovered": 0.02}, 1, Hysteresis(0.1, 0.1)),
    ],
)
def test_what_trips_it_and_what_counts_as_recovered(given, confirm, rule):
    assert LossLimit(0.10, **given).hysteresis(confirm) == rule


@pytest.mark.parametrize(
    ("reset_hour", "hour", "began"),
    [(0, 0, 0), (0, 23.9, 0), (0, 24, 24), (8, 7.9, -16), (8, 8, 8), (8, 31.9, 8), (8, 32, 32)],
)
def test_when_a_day_began(reset_hour, hour, began):
    limit = LossLimit(0.10, Reference.DAY, reset_hour=reset_hour)
    found = limit.day_of((START + hour * HOUR).timestamp())
    assert found == (START + began * HOUR).timestamp()


def test_a_day_restricts_until_its_reset():
    limit = LossLimit(0.10, Reference.DAY, reset_hour=8)
    tracks = walk(limit, [0, -100, *[-100] * 8])
    hours = [track.release and (track.release - START) / HOUR for track in tracks]
    assert hours == [None, *[8.0] * 7, None, None]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"hours": 0.5}, "10.00% below the highest of 0.5 h: no new entries"),
        ({"hours": 24}, "10.00% below the highest of 24 h: no new entries"),
        ({"hours": 47}, "10.00% below the highest of 47 h: no new entries"),
        ({"hours": 48, "reference": "start"}, "10.00% in 2 days: no new entries"),
        ({"hours": 49, "reference": "start"}, "10.00% in 49 h: no new entries"),
        ({"hours": 60, "reference": "start"}, "10.00% in 60 h: no new entries"),
        ({"hours": 240, "trading": "halted"}, "10.00% below the highest of 10 days: everything"),
        (
            {"reference": "day", "trading": "active", "size_factor": 0.25},
            "10.00% since 00:00 UTC: 25% of the usual size",
        ),
        ({"reference": "high_water"}, "10.00% below the high-water mark: no new entries"),
        ({"reference": "open", "trading": "halted"}, "10.00% in open positions: everything is"),
    ],
)
def test_it_is_described(given, text):
    assert str(LossLimit(0.10, **given)).startswith(text)


# Times in seconds, ascending, at least one apart; profits with many ties.
paths = st.lists(st.tuples(st.integers(1, 4000), st.integers(-5, 5)), min_size=1, max_size=80).map(
    lambda steps: [
        (float(sum(after for after, _ in steps[: i + 1])), float(profit))
        for i, (_, profit) in enumerate(steps)
    ]
)
LENGTH = 10_000.0
WIDTH = LENGTH / RESOLUTION


@given(paths)
def test_the_peak_is_that_of_all_samples_within_the_resolution(path):
    samples = ()
    for i, newest in enumerate(path):
        samples = trailing(samples, newest, LENGTH)
        now, seen = newest[0], path[: i + 1]
        least = max(p for t, p in seen if t >= now - LENGTH)
        most = max(p for t, p in seen if t >= now - LENGTH - WIDTH)
        assert least <= samples[0][1] <= most
        assert len(samples) <= RESOLUTION + 2


@given(paths)
def test_the_start_is_that_of_all_samples_within_the_resolution(path):
    samples = ()
    for i, newest in enumerate(path):
        samples = rolling(samples, newest, LENGTH)
        now, seen = newest[0], path[: i + 1]
        inside = [t for t, _ in seen if t >= now - LENGTH]
        assert inside[0] <= samples[0][0] <= max(inside[0], now - LENGTH + WIDTH)
        assert samples[0] in seen
        assert len(samples) <= RESOLUTION + 2


@given(paths.map(lambda path: [(i * WIDTH, p) for i, (_, p) in enumerate(path)]))
def test_samples_as_far_apart_as_the_resolution_lose_nothing(path):
    peaks, starts = (), ()
    for i, newest in enumerate(path):
        peaks, starts = trailing(peaks, newest, LENGTH), rolling(starts, newest, LENGTH)
        inside = [s for s in path[: i + 1] if s[0] >= newest[0] - LENGTH]
        assert peaks[0][1] == max(p for _, p in inside)
        assert starts[0] == inside[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": 0, "hours": 1}, "loss must be a number from 0.0001 to 1, got 0"),
        ({"loss": 0.1}, "hours must be a number from 0.1 to 8760, got None"),
        ({"loss": 0.1, "hours": 0}, "hours must be"),
        ({"loss": 0.1, "hours": 1, "recovered": 0.2}, "recovered must be a number from 0 to 0.1"),
        ({"loss": 0.1, "hours": 1, "size_factor": 2}, "size_factor must be"),
        ({"loss": 0.1, "hours": 1, "cool_down_hours": -1}, "cool_down_hours must be"),
        ({"loss": 0.1, "hours": 1, "longest_hours": 0}, "longest_hours must be"),
        ({"loss": 0.1, "reference": "open", "hours": 1}, "hours must be absent"),
        ({"loss": 0.1, "reference": "day", "longest_hours": 1}, "longest_hours must be absent"),
        ({"loss": 0.1, "reference": "day", "reset_hour": 24}, "reset_hour must be"),
        ({"loss": 0.1, "hours": 1, "reference": "peak"}, "reference must be one of trailing,"),
        ({"loss": 0.1, "hours": 1, "trading": "off"}, "trading must be one of active,"),
    ],
)
def test_a_bad_parameter_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        LossLimit(**given)


def test_names_from_a_configuration_become_what_they_name():
    limit = LossLimit(0.1, reference="high_water", trading="halted")  # type: ignore[arg-type]
    assert limit.reference is Reference.HIGH_WATER
    assert limit.halts

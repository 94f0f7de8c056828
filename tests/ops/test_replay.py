"""`perpkit breakers replay`: what it shows, and how it answers bad input."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import typer
from typer.testing import CliRunner

from perpkit.ops.replay import breakers
from tests import factories

SHOCK = datetime(2023, 2, 20, 10, tzinfo=UTC)  # the wild hour opens here
PAIR = "BTC/USDT:USDT"

app = typer.Typer()
app.add_typer(breakers, name="breakers")


@pytest.fixture(scope="module")
def datadir(tmp_path_factory):
    """60 days of quiet candles and one wild hour."""
    directory = tmp_path_factory.mktemp("data")
    frame = factories.candles(24 * 60)
    frame.loc[frame["date"] == SHOCK, "high"] *= 1.2
    factories.write_candles(directory, PAIR, frame)
    return directory


def run(datadir, *options):
    command = ["breakers", "replay", "--datadir", str(datadir), *options]
    return CliRunner().invoke(app, command)


def vix(**parameters) -> list[str]:
    """Options that set them."""
    return [
        word
        for name, value in parameters.items()
        for word in ("--set", f"CryptoVixBreaker.{name}={value}")
    ]


def replayed(datadir, *options):
    result = run(datadir, "--json", *options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_json_has_exactly_the_agreed_shape(datadir):
    result = replayed(datadir)
    assert list(result) == ["hours_locked_share", "intervals"]
    assert result["intervals"]
    for interval in result["intervals"]:
        assert list(interval) == ["from", "until", "level", "reason"]
        assert interval["level"] in ("elevated", "stressed", "extreme")
        for end in ("from", "until"):
            assert datetime.fromisoformat(interval[end]).utcoffset() == timedelta(0)


def test_a_shock_locks_from_the_close_of_its_candle(datadir):
    result = replayed(datadir, "--timerange", "20230220-20230221")
    extreme = [i for i in result["intervals"] if i["level"] == "extreme"]
    assert datetime.fromisoformat(extreme[0]["from"]) == SHOCK + timedelta(hours=1)
    assert "no new entries" in extreme[0]["reason"]


def test_the_share_is_that_of_the_blocked_intervals(datadir):
    result = replayed(datadir, "--timerange", "20230215-20230225")
    locked = sum(
        (datetime.fromisoformat(i["until"]) - datetime.fromisoformat(i["from"])).total_seconds()
        for i in result["intervals"]
        if i["level"] in ("stressed", "extreme")
    )
    assert locked > 0
    assert result["hours_locked_share"] == pytest.approx(
        locked / timedelta(days=10).total_seconds()
    )


def test_intervals_are_maximal_and_do_not_overlap(datadir):
    intervals = replayed(datadir)["intervals"]
    for before, after in pairwise(intervals):
        assert before["until"] <= after["from"]
        assert before["until"] < after["from"] or before["level"] != after["level"]


def test_candles_before_the_range_warm_it_up(datadir):
    """The range alone holds too little history for any level."""
    narrow = replayed(datadir, "--timerange", "20230220-20230222")
    assert narrow["intervals"]
    whole = replayed(datadir)["intervals"]
    for interval in narrow["intervals"]:
        assert interval["from"] == "2023-02-20T00:00:00+00:00" or interval in whole


def test_candles_after_the_range_change_nothing(datadir, tmp_path):
    frame = factories.candles(24 * 60)
    frame.loc[frame["date"] == SHOCK, "high"] *= 1.2
    factories.write_candles(tmp_path, PAIR, frame[frame["date"] < SHOCK + timedelta(hours=5)])
    timerange = (
        "--timerange",
        f"{SHOCK.timestamp() - 86400:.0f}-{SHOCK.timestamp() + 5 * 3600:.0f}",
    )
    assert replayed(datadir, *timerange) == replayed(tmp_path, *timerange)


def test_gaps_in_the_data_are_not_filled_with_calm(datadir, tmp_path):
    """The lock outlives a gap of ten hours right after the shock."""
    frame = factories.candles(24 * 60)
    frame.loc[frame["date"] == SHOCK, "high"] *= 1.2
    gap = frame["date"].between(SHOCK + timedelta(hours=1), SHOCK + timedelta(hours=10))
    factories.write_candles(tmp_path, PAIR, frame[~gap])
    options = ("--timerange", "20230220-20230222", *vix(half_life_hours=0.5))
    ends = [
        next(i["until"] for i in replayed(where, *options)["intervals"] if i["level"] == "extreme")
        for where in (datadir, tmp_path)
    ]
    assert datetime.fromisoformat(ends[1]) > SHOCK + timedelta(hours=11)
    assert ends[1] > ends[0]


def test_options_reach_the_breaker(datadir):
    shares = [
        replayed(datadir, *options)["hours_locked_share"]
        for options in ((), vix(calm_candles=12), vix(floor_annual=10))
    ]
    assert shares[1] > shares[0] > shares[2] == 0
    slow = replayed(datadir, *vix(estimator="slow", extreme_percentile=100))
    assert slow != replayed(datadir)


def test_the_table_and_its_summary(datadir):
    result = run(datadir, "--timerange", "20230220-20230221")
    assert result.exit_code == 0
    assert "extreme" in result.stdout
    summary = result.stdout.splitlines()[-1]
    assert summary.startswith(f"{PAIR} 2023-02-20 00:00 to 2023-02-21 00:00:")
    assert "entries blocked" in summary


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--timerange", "soon"], "timerange must be like 20200101-20240101, start before stop"),
        (["--timerange", "20230301-20230101"], "timerange must be like"),
        (["--timerange", "20230201-20230201"], "timerange must not be empty"),
        (["--timerange", "20300101-"], "timerange must overlap the stored candles (20230101-2023"),
        (["--timerange", "-20200101"], "pair must have 1h futures candles"),
        (["--pair", "ETH/USDT:USDT"], "pair must have 1h futures candles (feather) in"),
        (["--pair", "BTC/USDT"], "pair must have 1h spot candles"),
        (["--data-format", "csv"], "data_format must be one of feather"),
        (vix(estimator="tarot"), "CryptoVixBreaker: estimator must be one of classic"),
        (vix(stressed_percentile=99.5), "CryptoVixBreaker: stressed_percentile must be at most"),
        (
            vix(window_days=1),
            "CryptoVixBreaker: window_days must be a whole number from 7",
        ),
        (vix(floor=1), "CryptoVixBreaker: unknown parameter 'floor'. Allowed: calm_candles, "),
        (vix(dvol="true"), "CryptoVixBreaker: unknown parameter 'dvol'. Allowed: calm_candles, "),
        (
            ["--set", "FundingBreaker.floor_8h=0.01"],
            "set must be of a breaker that is replayed, got 'FundingBreaker.floor_8h=0.01': add "
            "--breaker FundingBreaker",
        ),
        (
            ["--half-life-hours", "6"],
            "--half-life-hours is no option: give --set CryptoVixBreaker.half_life_hours=6",
        ),
        (
            ["--json", "--window-days=90"],
            "--window-days is no option: give --set CryptoVixBreaker.window_days=90",
        ),
        (["--calm"], "no such option or argument: --calm"),
        (["20200101-20240101"], "no such option or argument: 20200101-20240101"),
    ],
)
@pytest.mark.parametrize("output", [[], ["--json"]])
def test_bad_input_gets_one_clear_line(datadir, options, named, output):
    result = run(datadir, *options, *output)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {named}")
    assert result.stderr.count("\n") == 1


def test_a_missing_directory_is_named(tmp_path):
    result = run(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: datadir must be a directory")


def test_candles_of_another_size_are_refused(tmp_path):
    """A file of 4h candles under the name of 1h candles."""
    factories.write_candles(tmp_path, PAIR, factories.candles(100, "4h"))
    result = run(tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "hourly" in result.stderr


@pytest.mark.real_data
def test_real_crashes(real_datadir):
    result = replayed(real_datadir, "--timerange", "20200101-20240101")
    assert result["hours_locked_share"] <= 0.07
    blocked = [i for i in result["intervals"] if i["level"] != "elevated"]
    # Corona, May 2021, Celsius, FTX: an hour by which less than half of the fall had happened.
    for moment in ("2020-03-12T10:00", "2021-05-19T12:00", "2022-06-13T08:00", "2022-11-08T18:00"):
        at = f"{moment}:00+00:00"
        assert any(i["from"] <= at < i["until"] for i in blocked), moment

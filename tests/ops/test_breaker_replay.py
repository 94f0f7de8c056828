"""`perpkit breakers replay --breaker`: decisions as stretches, drawdown of an export, the chart."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import typer
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from typer.testing import CliRunner

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.stretches import Stretch, stretches
from perpkit.ops.replay import breakers
from perpkit.ops.stretches import locked_share
from tests import factories

HOUR = timedelta(hours=1)
START = factories.START
PAIR = "BTC/USDT:USDT"
SHUT = Decision(Trading.REDUCING, 0.0, reason="shut")
HALF = Decision(size_factor=0.5, reason="half")
LONGS = Decision(Trading.REDUCING, 0.0, reason="longs", pair=PAIR, side="long")

app = typer.Typer()
app.add_typer(breakers, name="breakers")


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([], []),
        ([[UNRESTRICTED], []], []),
        ([[], [SHUT], [SHUT], []], [(1, 3, "reducing", "*", "*")]),
        ([[SHUT], [SHUT]], [(0, 2, "reducing", "*", "*")]),  # still going on at the end
        ([[HALF], [SHUT], [HALF]], [(0, 1, "active", "*", "*"), (1, 2, "reducing", "*", "*"),
                                    (2, 3, "active", "*", "*")]),
        ([[SHUT, LONGS], [LONGS], []], [(0, 1, "reducing", "*", "*"),
                                        (0, 2, "reducing", PAIR, "long")]),
    ],
)  # fmt: skip
def test_decisions_become_stretches(moments, expected):
    timed = [(START + n * HOUR, decisions) for n, decisions in enumerate(moments)]
    found = stretches("B", timed, START + len(moments) * HOUR)
    assert [
        ((s.start - START) // HOUR, (s.until - START) // HOUR, s.level, s.pair, s.side)
        for s in found
    ] == expected


def stretch(start, until, level="reducing", pair="*", side="*"):
    return Stretch(START + start * HOUR, START + until * HOUR, level, "", "B", pair, side)


@pytest.mark.parametrize(
    ("found", "share"),
    [
        ([], 0),
        ([stretch(0, 5)], 0.5),
        ([stretch(0, 5), stretch(3, 6)], 0.6),  # two breakers at once lock once
        ([stretch(0, 9), stretch(3, 6)], 0.9),
        ([stretch(0, 5, level="active")], 0),
        ([stretch(0, 5, pair=PAIR), stretch(0, 5, side="long")], 0),
        ([stretch(8, 20)], 0.2),
    ],
)
def test_the_share_of_hours_in_which_nothing_may_be_entered(found, share):
    assert locked_share(found, START, START + 10 * HOUR) == pytest.approx(share)


@pytest.fixture(scope="module")
def datadir(tmp_path_factory):
    """60 quiet days with one violent hour, in two pairs."""
    directory = tmp_path_factory.mktemp("data")
    for pair in (PAIR, "ETH/USDT:USDT"):
        frame = factories.candles(24 * 60)
        frame.loc[1234, ["low", "close"]] *= 0.7
        factories.write_candles(directory, pair, frame)
    return directory


def run(datadir, *options):
    command = ["breakers", "replay", "--datadir", str(datadir), *options]
    return CliRunner().invoke(app, command)


def test_all_market_breakers_at_once(datadir):
    result = run(datadir, "--breaker", "all", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert 0 < found["hours_locked_share"] < 0.5
    crash = (START + 1235 * HOUR).isoformat()
    tripped = {(i["breaker"], i["pair"]) for i in found["intervals"] if i["from"] == crash}
    assert {("CryptoVixBreaker", "*"), ("FlashCrashBreaker", "*")} <= tripped
    assert found["intervals"] == sorted(found["intervals"], key=lambda i: i["from"])


def test_a_table_for_people(datadir):
    result = run(datadir, "--breaker", "FlashCrashBreaker")
    assert "FlashCrashBreaker" in result.stdout
    assert "entries of all pairs blocked" in result.stdout


OWN = """
from dataclasses import dataclass

from perpkit.breakers.breaker import Decision, Trading
from perpkit.bot.watching.protection import WatchedProtection


@dataclass(frozen=True)
class HourLimits:
    hour: int = 5


class HourBreaker(WatchedProtection):
    LIMITS = (HourLimits,)
    REPLAYS = True

    def __init__(self, config, protection_config):
        super().__init__(config, protection_config)
        self.hour = protection_config.get("hour", 5)

    def short_desc(self):
        return f"{self.name} - No entries from {self.hour} to {self.hour + 1}."

    def evaluate(self, sources, now):
        if now.hour != self.hour:
            return []
        return [Decision(Trading.REDUCING, size_factor=0.0, reason="its hour")]
"""


@pytest.fixture
def userdir(tmp_path):
    """With a breaker of one's own, and a file that cannot be loaded."""
    folder = tmp_path / "mine" / "protections"
    folder.mkdir(parents=True)
    (folder / "HourBreaker.py").write_text(OWN)
    (folder / "Broken.py").write_text("raise RuntimeError('not finished')")
    return folder.parent


@pytest.mark.parametrize(
    ("options", "hour"), [([], 5), (["--set", "HourBreaker.hour=7"], 7)], ids=["default", "set"]
)
def test_a_breaker_of_ones_own_is_replayed(datadir, userdir, options, hour):
    command = ("--breaker", "HourBreaker", "--userdir", str(userdir), "--json", *options)
    result = run(datadir, *command)
    found = json.loads(result.stdout)
    assert found["hours_locked_share"] == pytest.approx(1 / 24, rel=0.01)
    assert {i["from"][11:16] for i in found["intervals"]} == {f"{hour:02}:00"}
    assert "Broken.py cannot be loaded" in result.stderr


def test_all_breakers_are_those_of_the_user_too(datadir, userdir):
    result = run(datadir, "--breaker", "all", "--userdir", str(userdir), "--json")
    names = {interval["breaker"] for interval in json.loads(result.stdout)["intervals"]}
    assert {"CryptoVixBreaker", "HourBreaker"} <= names


def test_a_basket_can_be_set(datadir):
    """Instead of the pair that is watched otherwise."""
    basket = 'CryptoVixBreaker.basket=["BTC/USDT:USDT", "ETH/USDT:USDT"]'
    result = run(datadir, "--breaker", "CryptoVixBreaker", "--json", "--set", basket)
    assert result.exit_code == 0, result.stderr
    assert "BTC, ETH volatility" in json.loads(result.stdout)["intervals"][0]["reason"]


def test_a_parameter_can_be_text(datadir):
    """And is not JSON then."""
    sides = []
    for options in ((), ("--set", "FlashCrashBreaker.blocks=against")):
        result = run(datadir, "--breaker", "FlashCrashBreaker", "--json", *options)
        sides.append({i["side"] for i in json.loads(result.stdout)["intervals"]})
    assert sides[0] == {"*"}
    assert "long" in sides[1]


def test_a_parameter_can_be_set(datadir):
    never = ("--set", "CryptoVixBreaker.min_history_days=100")
    result = run(datadir, "--breaker", "CryptoVixBreaker", "--json", *never)
    assert json.loads(result.stdout)["intervals"] == []


@pytest.fixture
def export(datadir, tmp_path):
    """A long bought just before the crash, with all of the wallet and twice leveraged."""
    at = [int((START + n * HOUR).timestamp() * 1000) for n in (1200, 1300)]
    candles = factories.candles(24 * 60)["close"]
    amount = 2 * 1000 / candles[1199]

    def order(time, rate, entry):
        return {"order_filled_timestamp": time, "amount": amount, "safe_price": rate,
                "ft_is_entry": entry}  # fmt: skip

    trade = {
        "pair": PAIR, "is_short": False, "is_open": False, "fee_open": 0.0, "fee_close": 0.0,
        "close_timestamp": at[1], "profit_abs": 0.0, "exit_reason": "roi",
        "orders": [order(at[0], candles[1199], True), order(at[1], candles[1199], False)],
    }  # fmt: skip
    stats = {
        "backtest_start": f"{START:%Y-%m-%d %H:%M:%S}",
        "backtest_end": f"{START + 1400 * HOUR:%Y-%m-%d %H:%M:%S}",
        "starting_balance": 1000.0,
        "trades": [trade],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"strategy": {"Any": stats}}))
    return path


def test_drawdown_of_a_backtest_that_was_exported(datadir, export):
    result = run(datadir, "--breaker", "DrawdownBreaker", "--export", str(export), "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["intervals"]
    halted = [i for i in found if i["level"] == "halted"]
    assert halted[0]["from"] == (START + 1235 * HOUR).isoformat()
    assert not [i for i in found if i["from"] < halted[0]["from"] and i["level"] != "active"]


def test_of_venue_health_the_maintenance_windows_are_replayed(datadir, tmp_path):
    begins, ends = START + 100 * HOUR, START + 103 * HOUR
    window = {"from": begins.isoformat(), "until": ends.isoformat()}
    (tmp_path / "windows.json").write_text(json.dumps([window]))
    options = (f"--userdir={tmp_path}", "--set=VenueHealthBreaker.maintenance_file=windows.json")
    result = run(datadir, "--breaker", "VenueHealthBreaker", "--json", *options)
    [interval] = json.loads(result.stdout)["intervals"]
    assert interval["from"] == (begins - HOUR).isoformat()
    assert interval["until"] == ends.isoformat()


LIVE = OWN.replace("HourBreaker", "LiveBreaker").replace("    REPLAYS = True\n", "")


def test_every_breaker_names_those_that_it_leaves_out(datadir, userdir, export):
    (userdir / "protections" / "LiveBreaker.py").write_text(LIVE)
    options = ("--breaker", "all", "--json", "--userdir", str(userdir))
    result = run(datadir, *options)
    assert result.exit_code == 0, result.stderr
    assert "VenueHealthBreaker cannot be replayed" in result.stderr
    assert "LiveBreaker cannot be replayed: it needs a live account" in result.stderr
    assert "DrawdownBreaker needs --export" in result.stderr
    assert "DrawdownBreaker" not in run(datadir, *options, "--export", str(export)).stderr


def test_a_breaker_that_needs_a_running_bot_is_refused_by_name(datadir, userdir):
    (userdir / "protections" / "LiveBreaker.py").write_text(LIVE)
    result = run(datadir, "--breaker", "LiveBreaker", "--userdir", str(userdir))
    assert result.exit_code == 2
    assert "LiveBreaker cannot be replayed: it needs a live account or the exchange" in (
        result.stderr
    )


def test_a_chart(datadir, tmp_path):
    path = tmp_path / "chart.html"
    for _ in range(2):  # an earlier one is replaced
        result = run(datadir, "--breaker", "all", "--chart", str(path))
        assert result.exit_code == 0, result.stderr
    page = path.read_text()
    assert "FlashCrashBreaker" in page
    assert "what the breakers restrict" in page
    assert [p.name for p in tmp_path.iterdir()] == ["chart.html"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--breaker", "Nothing"], "breaker must be one of CryptoVixBreaker,"),
        (["--breaker", "DrawdownBreaker"], "DrawdownBreaker needs --export"),
        (
            ["--breaker", "DrawdownBreaker", "--export", "nowhere.zip"],
            "export must be a Freqtrade backtest result, got nowhere.zip",
        ),
        (["--breaker", "all", "--set", "floor=1"], "set must be like FlashCrashBreaker.name=value"),
        # Freqtrade's own keys of a protection mean nothing to a breaker.
        (
            ["--breaker", "FlashCrashBreaker", "--set", "FlashCrashBreaker.stop_duration=text"],
            "FlashCrashBreaker: unknown parameter 'stop_duration'",
        ),
        (
            ["--breaker", "FlashCrashBreaker", "--set", "FlashCrashBreaker.calm_range=[1, 2]"],
            "FlashCrashBreaker: calm_range must be a number",
        ),
        (
            ["--breaker", "all", "--set", "CryptoVixBreaker.floor=1"],
            "CryptoVixBreaker: unknown parameter 'floor'",
        ),
        (
            ["--breaker", "all", "--window-days", "90"],
            "--window-days is no option: give --set CryptoVixBreaker.window_days=90",
        ),
        (
            ["--breaker", "FundingBreaker", "--extreme-percentile=90"],
            "--extreme-percentile is no option: give --set FundingBreaker.extreme_percentile=90",
        ),
        (
            ["--breaker", "VenueHealthBreaker"],
            "VenueHealthBreaker cannot be replayed: without the live exchange it has only",
        ),
        (["--breaker", "all", "--timerange", "20300101-"], "timerange must overlap"),
    ],
)
def test_bad_input_is_one_line(datadir, options, message):
    result = run(datadir, *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--pair", "BTC/USDT"],
        ["--pair", "BTC/USDT", "--set", "CryptoVixBreaker.window_days=soon"],
        ["--pair", "BTC/USDT", "--set", "FlashCrashBreaker.windows=[[60, 0.1], [240, text]]"],
    ],
)
@pytest.mark.parametrize("breaker", ["all", "FundingBreaker", "FlashCrashBreaker"])
def test_spot_data_are_one_line(tmp_path, breaker, options):
    handler = get_datahandler(tmp_path, "feather")
    handler.ohlcv_store("BTC/USDT", "1h", factories.candles(500), CandleType.SPOT)
    result = run(tmp_path, "--breaker", breaker, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("Error: ")

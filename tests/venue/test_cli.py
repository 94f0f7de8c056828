"""`perpkit venue`: what it prints, what it refuses, how it ends."""

import hmac
import json
import os
import signal
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.record import rehearsed
from perpkit.venue.http.server import bind
from perpkit.venue.market import datadir
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.synthetic import generate
from perpkit.venue.market.universe import lifetime, universe
from tests.bench.machine import machine  # noqa: F401
from tests.cases import SLOW
from tests.conftest import REPOSITORY
from tests.venue.command import get, running, venue

START = 1_704_067_200_000


def test_it_writes_a_data_directory(tmp_path):
    result = venue(
        "--write-datadir", tmp_path, "--start", "2024-01-01", "--days", 3, "--seed", 5,
        "--timeframes", "5m,1h", "--pairs", "BTC/USDT:USDT SOL/USDT:USDT",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout == f"10 files in {tmp_path}: 2024-01-01 to 2024-01-04, seed 5\n"
    written = datadir.read(tmp_path)
    generated = generate(seed=5, start=START, days=3).pairs["SOLUSDT"]
    for column, expected in zip(
        written.pairs["SOLUSDT"].candles(PriceKind.LAST, "5m").columns(),
        generated.candles(PriceKind.LAST, "5m").columns(),
        strict=True,
    ):
        np.testing.assert_array_equal(column, expected)


def test_it_writes_as_many_contracts_as_asked(tmp_path):
    known = list(universe(START + 3 * DAY_MS))
    count = known.index(YOUNG) + 1
    result = venue(
        "--write-datadir", tmp_path, "--start", "2024-01-01", "--days", 3, "--count", count,
        "--timeframes", "1h",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    first, absent = result.stdout.splitlines()
    names = absent.removeprefix("not traded in that time: ").split(", ")
    assert YOUNG in names
    assert set(names) < set(known[:count])
    written = {path.name.split("-1h-")[0] for path in (tmp_path / "futures").glob("*-futures.*")}
    assert len(written) == count - len(names)
    assert "币安人生_USDT_USDT" in written
    assert f"files in {tmp_path}" in first


def test_it_serves_as_many_contracts_as_asked():
    with running("--days", 3, "--count", 40) as (_, url):
        listed = get(f"{url}/fapi/v1/exchangeInfo")["symbols"]
        shown = {row["symbol"] for row in get(f"{url}/fapi/v1/ticker/24hr")}
        state = get(f"{url}/control/state")["symbols"]
    assert len(listed) == 40
    assert [row["symbol"] for row in listed[:5]] == [
        "BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT"
    ]  # fmt: skip
    trading = {row["symbol"] for row in listed if row["status"] in ("TRADING", "SETTLING")}
    assert shown == trading
    assert len(trading) > 30
    assert {s for s, row in state.items() if row["price"] is not None} == trading


def test_names_outside_ascii_can_be_asked_for():
    pairs = "币安人生/USDT:USDT 龙虾/USDT:USDT ETH/USDC:USDC XAU/USDT:USDT"
    with running("--days", 3, "--pairs", pairs) as (_, url):
        listed = get(f"{url}/fapi/v1/exchangeInfo")["symbols"]
        name = urllib.parse.quote("币安人生USDT")
        rows = get(f"{url}/fapi/v1/klines?symbol={name}&interval=5m&limit=3")
        depth = get(f"{url}/fapi/v1/depth?symbol={name}&limit=5")
    symbols = [row["symbol"] for row in listed]
    assert symbols == ["币安人生USDT", "龙虾USDT", "ETHUSDC", "XAUUSDT"]
    assert [row["contractType"] for row in listed[2:]] == ["PERPETUAL", "TRADIFI_PERPETUAL"]
    assert len(rows) == 3
    assert len(depth["bids"]) == 5


def write_small(directory: Path) -> Path:
    datadir.write(
        generate(seed=5, start=START, days=10, pairs=["BTC/USDT:USDT"]),
        directory,
        ["5m", "1h"],
        START + 10 * DAY_MS,
    )
    return directory


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_ends_cleanly(tmp_path, number):
    overlay = tmp_path / "overlay.json"
    with running("--days", 3, "--overlay", overlay) as (process, url):
        assert get(f"{url}/fapi/v1/ping") == {}
        last = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=1")[0]
        now = get(f"{url}/fapi/v1/time")["serverTime"]
        assert last[0] <= now <= last[6] + 5000
        api = json.loads(overlay.read_text())["exchange"]["ccxt_config"]["urls"]["api"]
        assert api["fapiPublic"] == f"{url}/fapi/v1"
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "", "")


def test_a_replay_leads_up_to_now_by_whole_days(tmp_path):
    with running("--datadir", write_small(tmp_path)) as (_, url):
        rows = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=1500")
        now = get(f"{url}/fapi/v1/time")["serverTime"]
        hours = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1500")
    assert 0 <= now - rows[-1][0] < 300_000 + 5000
    shift = hours[0][0] - START
    assert shift % DAY_MS == 0
    assert DAY_MS <= START + 10 * DAY_MS + shift - now < 2 * DAY_MS
    original = generate(seed=5, start=START, days=10, pairs=["BTC/USDT:USDT"]).pairs["BTCUSDT"]
    closes = original.candles(PriceKind.LAST, "1h").close[: len(hours) - 1]
    assert [float(row[4]) for row in hours[:-1]] == closes.tolist()


def test_a_replay_can_keep_its_dates(tmp_path):
    with running("--datadir", write_small(tmp_path), "--as-of", "2024-01-05T12:34") as (_, url):
        now = get(f"{url}/fapi/v1/time")["serverTime"]
        last = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1")[0]
    began = START + 4 * DAY_MS + 12 * HOUR_MS + 34 * 60_000
    assert began <= now < began + 20_000
    assert last[0] == START + 4 * DAY_MS + 12 * HOUR_MS


def listed_after(start: int, days: int) -> str:
    """A pair that has not been traded when a market of so many days ends, seed 1."""
    anchor = start + days * DAY_MS
    lives = {pair: lifetime(1, model, anchor) for pair, model in universe(anchor).items()}
    return next(pair for pair, life in lives.items() if life and life.onboard > anchor)


YOUNG = listed_after(START, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "0.0.0.0"), "host must be a loopback address, got 0.0.0.0"),
        (("--host", "example.org"), "host must be a loopback address, got example.org"),
        (("--datadir", "EMPTY"), "datadir must hold candles such as futures/BTC_USDT_USDT"),
        (("--datadir", "SMALL", "--pairs", "XRP/USDT:USDT"), "pairs must be among BTC/USDT:USDT"),
        (
            ("--datadir", "SMALL", "--as-of", "soon"),
            "as-of must be an ISO date or time, got 'soon'",
        ),
        (("--datadir", "SMALL", "--as-of", "2023-01-01"), "where a pair has candles"),
        (("--as-of", "2024-01-01"), "as-of needs a datadir"),
        (("--pairs", "FOO/USDT:USDT"), "got 'FOO/USDT:USDT'"),
        (("--base", "2m"), "base must be one of 1m, 5m, got '2m'"),
        (("--start", "2024-01-01T05:00"), "start must be a date such as 2024-01-31"),
        (("--start", "2999-01-01"), "start must lie in the past, got 2999-01-01"),
        (("--count", 0), "count must be 1 to 371, got 0"),
        (("--count", 372), "count must be 1 to 371, got 372"),
        (("--count", 7, "--pairs", "BTC/USDT:USDT"), "a synthetic market without pairs, got 7"),
        (("--count", 7, "--datadir", "SMALL"), "a synthetic market without datadir, got 7"),
        (("--pairs", "BTC/USDT:USDT-240101"), "got 'BTC/USDT:USDT-240101'"),
        (
            ("--write-datadir", "EMPTY", "--start", "2024-01-01", "--days", 3, "--pairs", YOUNG),
            f"pairs must have traded by 2024-01-04, got {YOUNG}",
        ),
        (("--write-datadir", "EMPTY", "--timeframes", "7m"), "timeframe must be one of 1m, 3m"),
        (("--write-datadir", "EMPTY", "--timeframes", ""), "timeframes must name at least one"),
        (("--log", __file__), "log must be a new file or an earlier one, got "),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, arguments, message):
    if "SMALL" in arguments:
        write_small(tmp_path)
    places = {"EMPTY": tmp_path, "SMALL": tmp_path}
    result = venue("--port", 0, *(places.get(a, a) for a in arguments))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("perpkit venue: ")
    assert message in result.stderr


def test_a_port_in_use_is_one_clear_line():
    taken = bind("127.0.0.1", 0)
    port = taken.getsockname()[1]
    result = venue("--port", port, "--days", 3)
    taken.close()
    assert result.exit_code == 2
    assert result.stderr == (
        f"perpkit venue: cannot listen on 127.0.0.1:{port}: {os.strerror(98)}\n"
    )


@pytest.mark.real_data
def test_real_candles_replayed(real_datadir):
    with running("--datadir", real_datadir) as (_, url):
        symbols = {s["symbol"] for s in get(f"{url}/fapi/v1/exchangeInfo")["symbols"]}
        rows = get(f"{url}/fapi/v1/klines?symbol=XRPUSDT&interval=1h&limit=2")
        now = get(f"{url}/fapi/v1/time")["serverTime"]
    assert symbols == {"ADAUSDT", "BTCUSDT", "ETHUSDT", "LTCUSDT", "XRPUSDT"}
    assert rows[-1][0] <= now <= rows[-1][6] + 5000


def test_an_overlay_for_live_mode_has_a_key_and_a_database_of_its_own(tmp_path):
    overlay = tmp_path / "overlay.json"
    with running("--days", 3, "--overlay", overlay, "--live", "--account", "me:a:b:50") as (_, url):
        config = json.loads(overlay.read_text())
        assert (config["exchange"]["key"], config["exchange"]["secret"]) == ("me", "a:b")
        assert config["dry_run"] is False
        assert config["perpkit_venue"]["accounts"] == {"me": "a:b"}
        (account,) = get(f"{url}/control/accounts")
        assert (account["api_key"], account["walletBalance"]) == ("me", "50")


def test_when_it_ends_it_signs_what_was_rehearsed(tmp_path, machine):  # noqa: F811
    overlay, folder = tmp_path / "overlay.json", tmp_path / "overlay.rehearsal"
    given = ("--days", 3, "--overlay", overlay, "--live")
    with running(*given) as (process, url):
        for side in ("BUY", "SELL"):
            order(url, symbol="BTCUSDT", side=side, type="MARKET", quantity=0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        said = process.stdout.read()
    [record] = folder.glob("rehearsal-*.json")
    assert said == f"1 trades were rehearsed: {record}\n"
    found = rehearsed.read(record)
    assert (found.trades, found.breaches, found.strategies) == (1, {}, ())
    assert machine.stat().st_mode & 0o777 == 0o600

    # One in which nothing was traded leaves no record.
    with running(*given) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert list(folder.glob("rehearsal-*.json")) == [record]


def order(url, **sent):
    """As the overlay's account."""
    query = urllib.parse.urlencode({"timestamp": get(f"{url}/fapi/v1/time")["serverTime"], **sent})
    signature = hmac.new(b"rehearsal", query.encode(), "sha256").hexdigest()
    body = f"{query}&signature={signature}".encode()
    request = urllib.request.Request(f"{url}/fapi/v1/order", body, {"X-MBX-APIKEY": "rehearsal"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "bad",
    ["me", "me:secret", "me:secret:much", ":secret:1", "me:secret:-1", "me:secret:1e999999",
     "me:secret:1e13", "me:secret:0.000000001", "me:secret:NaN", "m\u00e9:secret:1",
     "me:two words:1"],
)  # fmt: skip
def test_a_bad_account_is_refused_without_its_secret(bad):
    result = venue("--account", bad.replace("secret", "hidden"))
    assert result.exit_code == 2
    assert "account must look like KEY:SECRET:WALLET: " in result.output
    assert "hidden" not in result.output


KEPT = ("datadir", "db_url", "logfile")


@pytest.mark.parametrize("source", [pytest.param("synthetic", marks=SLOW), "replay"])
def test_whatever_a_bot_keeps_is_apart_in_every_mode_and_for_every_venue(tmp_path, source):
    """Side by side, and compared with what Freqtrade would take by default."""
    market = ("--days", 3) if source == "synthetic" else ("--datadir", write_small(tmp_path / "d"))
    written = {}
    for name, mode in (("a", ()), ("a", ("--live",)), ("b", ()), ("b", ("--live",))):
        overlay = tmp_path / f"{name}.json"
        with running(*market, "--overlay", overlay, *mode):
            written[name, mode] = json.loads(overlay.read_text())
    for key in ("db_url", "logfile"):  # of the mode, too
        assert len({config[key] for config in written.values()}) == 4
    assert {config["datadir"] for config in written.values()} == {
        str(tmp_path / f"{name}.rehearsal" / "data") for name in "ab"
    }
    assert {config["dry_run"] for config in written.values()} == {True, False}
    shipped = json.loads((REPOSITORY / "config.venue.json").read_text())
    for config in (shipped, *written.values()):
        assert all("user_data" not in config[key] for key in KEPT)
        assert all("tradesv3" not in config[key] for key in KEPT)
        assert config["exchange"]["key"] in config["perpkit_venue"]["accounts"]

"""`perpkit data`: import all or nothing, coverage and gaps, bad input in one clear line."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import typer.testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from perpkit.bot.positioning.client import PositioningClient
from perpkit.bot.positioning.download import Downloaded
from perpkit.bot.positioning.paced import DownloadError
from perpkit.cli import app
from perpkit.market import store
from perpkit.rehearsal.datadir_mark import mark, marked
from perpkit.venue.overlay import overlay
from tests.bench import damaged_files
from tests.cases import SLOW
from tests.conftest import REPOSITORY

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
BYBIT = "-c", REPOSITORY / "config.bybit.json.example"
HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def run(*arguments: object):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture
def day(tmp_path):
    """Writes a day's file: `day(name, day, symbol, ratio)`."""

    def write(name: str, date: str = "2026-01-25", symbol: str = "BTCUSDT", ratio: float = 2.5):
        times = pd.date_range(f"{date} 00:05", periods=288, freq="5min")
        rows = [f"{time},{symbol},1000,90000000,2.1,1.9,{ratio},0.9" for time in times]
        path = tmp_path / name
        text = "\n".join([HEADER, *rows]) + "\n"
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(f"{path.stem}.csv", text)
        else:
            path.write_text(text)
        return path

    return write


def test_a_download_without_an_answer_leaves_no_folder(tmp_path, monkeypatch):
    def fail(*_args):
        raise DownloadError("the exchange does not answer")

    monkeypatch.setattr(PositioningClient, "symbols", fail)
    (tmp_path / "there").mkdir()
    for target in (tmp_path / "new" / "binance", tmp_path / "there"):
        result = run("download", "--datadir", target, BTC)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "does not answer" in result.stderr
    assert [*tmp_path.rglob("*")] == [tmp_path / "there"]


def test_a_download_says_why_it_will_ask_again(tmp_path, monkeypatch):
    answer = Downloaded(5, {}, {BTC: 3, ETH: 1})
    monkeypatch.setattr("perpkit.bot.positioning.download.download", lambda *_args: answer)
    result = run("download", "--datadir", tmp_path, BTC, ETH)
    assert result.exit_code == 0
    assert "4 readings that were asked for do not exist" in result.stdout
    assert f"({BTC} 3, {ETH} 1). Every run asks for them again" in result.stdout


@pytest.fixture
def datadir(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def snapshot(datadir):
    return {p.name: p.read_bytes() for p in datadir.rglob("*.feather")}


def test_csv_zip_and_feather_are_imported_together(datadir, day, tmp_path):
    ratios = tmp_path / "daily.feather"
    dates = pd.date_range("2022-01-01", periods=5, tz="UTC")
    columns = ("lsr_global", "lsr_top_accounts", "lsr_top_positions")
    pd.DataFrame(
        {"timestamp": dates, "symbol": "ETHUSDT", **dict.fromkeys(columns, 1.5)}
    ).to_feather(ratios)
    files = [day("b.csv", "2026-01-26"), day("a.zip"), ratios]
    result = run("import", *files, "--datadir", datadir)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"{BTC} 5m: 576 new readings, 0 changed",
        f"{ETH} 1d: 5 new readings, 0 changed",
    ]
    assert len(store.read(datadir, BTC, "5m")) == 576
    again = run("import", *files, "--datadir", datadir)
    assert again.stdout.splitlines()[0] == f"{BTC} 5m: 0 new readings, 0 changed"


def test_of_two_files_of_a_day_the_last_counts(datadir, day):
    run("import", day("a.csv", ratio=2.0), day("b.csv", ratio=3.0), "--datadir", datadir)
    assert set(store.read(datadir, BTC, "5m")["long_short_ratio"]) == {3.0}


def test_two_files_together_keep_what_they_keep_one_after_the_other(tmp_path, day):
    """The later one does not know what the earlier one does."""
    first, second = day("a.csv", ratio=2.0), day("b.csv", ratio=3.0)
    text = second.read_text().replace(",90000000,", ",,")
    second.write_text(text.replace("00:10:00,BTCUSDT,1000,,2.1,1.9,3.0", "00:10:00,BTCUSDT,,,,,"))
    together, in_turn = tmp_path / "together", tmp_path / "in turn"
    run("import", first, second, "--datadir", together)
    for path in (first, second):
        run("import", path, "--datadir", in_turn)
    found = store.read(together, BTC, "5m")
    pd.testing.assert_frame_equal(found, store.read(in_turn, BTC, "5m"))
    assert set(found["open_interest_value"]) == {90_000_000}
    assert found["long_short_ratio"].iloc[:3].tolist() == [3.0, 2.0, 3.0]


def imported(folder: Path, number: int) -> Result:
    """The result of the import of a file of the fuzzer, whose store must be as it was or sound."""
    datadir = folder / "data"
    name, content = damaged_files.case(number)
    path = folder / name
    path.write_bytes(content)
    before = snapshot(datadir)
    result = run("import", path, "--datadir", datadir)
    path.unlink()
    if result.exit_code == 2:
        assert result.stderr.startswith("Error: "), (number, result.stderr)
        assert result.stderr.count("\n") == 1, (number, result.stderr)
        assert (result.stdout, snapshot(datadir)) == ("", before), number
    else:
        assert (result.exit_code, result.stderr) == (0, ""), (number, result.exception)
        for pair, period in store.stored(datadir):
            assert store.read(datadir, pair, period) is not None, number
    return result


@pytest.mark.parametrize(("first", "count"), [(0, 200), pytest.param(200, 9800, marks=SLOW)])
def test_any_file_is_taken_or_refused_in_one_line(datadir, day, monkeypatch, first, count):
    """Bytes, lines, values, columns, types, encodings and names, at random but the same each time.

    Together both variants try 10,000 files.
    """
    # Most of the time would be spent on making the command.
    monkeypatch.setattr(typer.testing, "_get_command", cache(get_command))
    run("import", day("a.csv"), "--datadir", datadir)
    numbers = range(first, first + count)
    refused = sum(imported(datadir.parent, number).exit_code == 2 for number in numbers)
    assert count / 2 < refused < count


@pytest.mark.parametrize("name", ["day [red].csv", "day\n[_].csv", "day?.csv", "день%20.csv"])
def test_no_name_of_a_file_breaks_a_line(datadir, day, name):
    path = day(name)
    path.write_text(path.read_text().replace("2.5", "-2.5", 1))
    result = run("import", path, "--datadir", datadir)
    shown = str(path).replace("\n", r"\n")
    assert result.stderr.startswith(f"Error: {shown}: line 2: column count_long_short_ratio")
    assert result.stderr.count("\n") == 1


def test_no_name_in_the_store_breaks_the_table(datadir, day):
    run("import", day("a.csv", symbol="币安人生USDT"), "--datadir", datadir)
    for name in ("A\nB_USDT_USDT-5m", "[red]_USDT_USDT-5m", "A?_USDT_USDT-5m"):
        (datadir / "positioning" / f"{name}.feather").write_bytes(b"")
    result = run("status", "--datadir", datadir)
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if "USDT" in line]
    assert len(rows) == 1
    assert rows[0].startswith("币安人生/USDT:USDT 5m")


@pytest.mark.parametrize("base", ["BTC?x", "../BTC", "A#", "[/]", "[red]", "A\n", "A%2F"])
def test_no_name_of_a_pair_reaches_a_url_or_breaks_a_line(datadir, base):
    pair = f"{base}/USDT:USDT"
    result = run("archive", "--since", "2024-01-01", "--datadir", datadir, pair)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: pairs must be like BTC/USDT:USDT, got ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "config cannot be read"),
        (b'{"exchange": 3}', "exchange must be an object, got 3"),
        (b'{"datadir": {}}', "datadir must be the path of a folder, got {}"),
        (b"\xff\xfe{}", "config cannot be read"),
        (b"\xef\xbb\xbf{}", "config cannot be read"),
        (b"{", "config cannot be read"),
    ],
)
def test_a_damaged_configuration_is_one_error(tmp_path, content, message):
    path = tmp_path / "config [x].json"
    path.write_bytes(content)
    result = run("status", "--config", path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {message}"), result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t[: len(t) // 2], "line 144: column sum_open_interest: the line has 2 of 8"),
        (lambda t: t.replace("2.5", "-2.5", 1), "line 2: column count_long_short_ratio: must be"),
        (
            lambda t: t.replace("00:10:00", "00:05:00", 1),
            "line 3: column create_time: .* duplicate",
        ),
        (lambda t: t.replace("00:10:00", "00:00:00", 1), "line 3: column create_time: .* before"),
        (lambda t: t.replace("2026-", "2999-"), "line 2: column create_time: .* in the future"),
        (lambda t: t.replace("symbol", "name", 1), "line 1: column symbol is missing"),
        (lambda t: "\x00" * len(t), "line 1: column create_time is missing"),
    ],
)
def test_one_bad_file_leaves_the_store_as_it_was(datadir, day, damage, message):
    run("import", day("a.csv", "2026-01-24"), "--datadir", datadir)
    before = snapshot(datadir)
    good, bad = day("good.csv", "2026-01-26", "ETHUSDT"), day("bad.csv")
    bad.write_text(damage(bad.read_text()))
    result = run("import", good, bad, "--datadir", datadir)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"Error: {bad}: ")
    assert re.search(message, result.stderr), result.stderr
    assert snapshot(datadir) == before


def test_a_damaged_file_in_the_store_stops_the_import_before_it_writes(datadir, day):
    run("import", day("a.csv", symbol="ETHUSDT"), "--datadir", datadir)
    store.path_of(datadir, ETH, "5m").write_bytes(b"damaged")
    before = snapshot(datadir)
    result = run(
        "import", day("b.csv"), day("c.csv", "2026-01-26", "ETHUSDT"), "--datadir", datadir
    )
    assert result.exit_code == 2
    assert "ETH_USDT_USDT-5m.feather: cannot be read" in result.stderr
    assert snapshot(datadir) == before


def test_a_short_day_is_taken_when_the_exchange_has_no_more(datadir, day):
    path = day("short.csv")
    path.write_text("".join(path.read_text().splitlines(True)[:100]))
    refused = run("import", path, "--datadir", datadir)
    assert "line 100: column create_time: the day ends at 08:15" in refused.stderr
    taken = run("import", path, "--as-published", "--datadir", datadir)
    assert taken.stdout == f"{BTC} 5m: 99 new readings, 0 changed\n"


def test_status_shows_coverage_and_gaps(datadir, day):
    path = day("gap.csv")
    lines = path.read_text().splitlines(True)
    path.write_text("".join(lines[:11] + lines[13:20] + lines[40:]).replace(",0.9", ",", 28))
    run("import", path, "--datadir", datadir)
    run("import", day("eth.csv", symbol="ETHUSDT"), "--datadir", datadir)
    result = run("status", "--json", "--datadir", datadir)
    assert result.exit_code == 0
    btc, eth = json.loads(result.stdout)
    date = "2026-01-25T"
    assert btc == {
        "pair": BTC,
        "period": "5m",
        "from": "2026-01-25T00:05:00+00:00",
        "until": "2026-01-26T00:00:00+00:00",
        "readings": 266,
        "missing": 22,
        "gaps": [
            {"from": f"{date}00:55:00+00:00", "until": f"{date}01:00:00+00:00", "readings": 2},
            {"from": f"{date}01:40:00+00:00", "until": f"{date}03:15:00+00:00", "readings": 20},
        ],
        "known": {**dict.fromkeys(store.SERIES, 1.0), "taker_ratio": round(238 / 266, 4)},
    }
    assert (eth["missing"], eth["gaps"]) == (0, [])
    table = run("status", "--datadir", datadir).stdout
    for part in (
        "BTC/USDT:USDT 5m     2026-01-25 00:05 2026-01-26 00:00      266      22    2",
        "BTC/USDT:USDT 5m: longest gap from 2026-01-25 01:40, 20 readings",
        "BTC/USDT:USDT 5m: known only in part: taker_ratio 89.5%",
    ):
        assert part in table


def test_status_names_a_damaged_file(datadir, day):
    run("import", day("a.csv"), "--datadir", datadir)
    store.path_of(datadir, BTC, "5m").write_bytes(b"damaged")
    result = run("status", "--datadir", datadir)
    assert result.exit_code == 1
    assert "BTC_USDT_USDT-5m.feather: cannot be read as feather" in result.stdout
    assert run("status", "--json", "--datadir", datadir).exit_code == 1


def test_status_of_nothing(datadir):
    assert run("status", "--datadir", datadir).stdout.startswith("No positioning data in ")
    assert json.loads(run("status", "--json", "--datadir", datadir).stdout) == []


def test_the_config_tells_where_the_data_are(tmp_path, day):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"datadir": str(tmp_path / "elsewhere")}))
    assert run("import", day("a.csv"), "--config", config).exit_code == 0
    assert store.stored(tmp_path / "elsewhere") == [(BTC, "5m")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "nothing.csv"), "No such file or directory: 'nothing.csv'"),
        (("import", REPOSITORY / "README.md"), "README.md: must end in .zip, .csv or .feather"),
        (("download", "--pairs", BTC, "--days", "31"), "days must be above 0 and at most 30"),
        (("download", "--pairs", BTC, "--period", "7m"), "period must be one of 5m"),
        (("download",), "pairs must be named, here or in the config's pair_whitelist"),
        (("download", "-c", "nothing.json"), 'Config file "nothing.json" not found'),
        (("archive", "--since", "2999-01-01", "--pairs", BTC), "since must lie between 2020-09-01"),
        (
            ("archive", "--since", "2024-01-01", "--pairs", "BTC"),
            "pairs must be like BTC/USDT:USDT",
        ),
        # Whose readings would go to where Bybit's are.
        (
            ("archive", "--since", "2999-01-01", BTC, *BYBIT),
            "exchange.name must be \"binance\" for this, got 'bybit'",
        ),
    ],
)
def test_bad_input_is_one_clear_line(datadir, arguments, message):
    result = run(*arguments, "--datadir", datadir)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.real_data
def test_the_real_files(datadir, tmp_path):
    folder = REPOSITORY.parent / "shared" / "data" / "positioning"
    csv = folder / "BTCUSDT-metrics-2026-01-25.csv"
    if not csv.is_file():
        pytest.skip(f"no real data at {folder}")
    with zipfile.ZipFile(tmp_path / "BTCUSDT-metrics-2026-01-25.zip", "w") as archive:
        archive.write(csv, csv.name)
    ratios = shutil.copy(folder / "long_short_ratio_1d_7symbols_2022_2023.feather", tmp_path)
    result = run("import", csv, ratios, "--datadir", datadir)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 8
    again = run("import", tmp_path / "BTCUSDT-metrics-2026-01-25.zip", "--datadir", datadir)
    assert again.stdout == f"{BTC} 5m: 0 new readings, 0 changed\n"


@pytest.mark.parametrize("command", [("download", BTC), ("archive", "--since", "2026-01-01", BTC)])
def test_the_exchanges_data_do_not_go_where_a_venues_are(datadir, command):
    mark(datadir, "synthetic market, seed 1")
    before = sorted(datadir.rglob("*"))
    result = run(*command, "--datadir", datadir)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"Error: The data in {datadir} were made by a simulated venue")
    assert "perpkit-venue.json" in result.stderr
    assert sorted(datadir.rglob("*")) == before


@pytest.mark.parametrize("command", ["download", "import", "status"])
def test_a_configuration_that_leads_to_a_venue_in_part_is_refused(datadir, tmp_path, day, command):
    config = overlay("http://127.0.0.1:1")
    config["exchange"]["ccxt_config"]["urls"]["api"]["fapiData"] = "https://fapi.binance.com"
    path = tmp_path / "venue.json"
    path.write_text(json.dumps(config))
    files = [day("a.csv")] if command == "import" else []
    result = run(command, *files, "--config", path, "--datadir", datadir)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "fapiData" in result.stderr
    assert not list(datadir.iterdir())


def test_what_is_imported_for_a_venue_goes_into_its_own_marked_directory(tmp_path, day):
    path = tmp_path / "venue.json"
    path.write_text(json.dumps(overlay("http://127.0.0.1:1", tmp_path / "rehearsal")))
    assert run("import", day("a.csv"), "--config", path).exit_code == 0
    own = tmp_path / "rehearsal" / "data"
    assert "http://127.0.0.1:1" in marked(own)
    assert store.read(own, BTC, "5m") is not None


@pytest.mark.parametrize("command", ["import", "status"])
def test_files_and_looks_are_told_of_a_venues_data_in_one_line(datadir, day, command):
    mark(datadir, "synthetic market, seed 1")
    files = [day("a.csv")] if command == "import" else []
    result = run(command, *files, "--datadir", datadir)
    assert result.exit_code == 0
    assert result.stderr.count("made by a simulated venue (synthetic market, seed 1") == 1
    assert result.stderr.count("\n") == 1

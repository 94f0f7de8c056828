"""The page: what is on it, what is left out, and that nothing in it can break out."""

from __future__ import annotations

import json
import sys
import zipfile
from datetime import timedelta
from html.parser import HTMLParser

import pandas as pd
import pytest
from plotly import graph_objects as go
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.learning.evidence import FOLDER, write_window
from tests.report.conftest import BTC, SPIKED, START, document, lock, order, trade, write

EVIL = "<img src=x onerror=alert(1)>\"'</script>&"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Parsed(HTMLParser):
    """What a browser would see: elements, their text, and whether all of them are closed."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    @property
    def charts(self) -> dict:
        return json.loads(self.scripts[0])


def run(*arguments) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def made(tmp_path, datadir):
    """Makes the page of an export."""

    def page(content, *options) -> Parsed:
        export = write(tmp_path / "export.json", content)
        out = tmp_path / "page.html"
        code, _, err = run(export, "--datadir", datadir, "--out", out, *options)
        assert code == 0, err
        return Parsed(out.read_text())

    return page


def coloured(value):
    """With colours that plotly knows in place of the page's."""
    if isinstance(value, dict):
        return {k: coloured(v) for k, v in value.items()}
    if isinstance(value, list):
        return [coloured(each) for each in value]
    return "#123456" if isinstance(value, str) and value.startswith("--") else value


def test_every_section_is_there_and_plotly_knows_every_property(made, three_trades):
    page = made(document(*three_trades, locks=[lock("*", 5, 9, "FlashCrashBreaker reducing")]))
    anchors = {attributes["id"] for tag, attributes in page.elements if tag == "section"}
    assert anchors >= {"headline", "equity", "months", "groups", "prices", "multiples", "blocked"}
    links = {a["href"] for tag, a in page.elements if tag == "a"}
    assert links - {f"#{anchor}" for anchor in anchors} == set()
    drawn = {a["data-chart"] for _, a in page.elements if "data-chart" in a}
    assert drawn == set(page.charts)
    assert len(drawn) >= 8
    for spec in page.charts.values():
        go.Figure(coloured(spec))  # raises for what plotly does not know


def test_it_asks_for_nothing_outside(made, three_trades):
    page = made(document(*three_trades))
    for _, attributes in page.elements:
        assert not {"src", "srcset", "data", "action"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    ours = "".join(page.scripts[:1] + page.scripts[2:])
    assert "http" not in ours
    policies = [a for tag, a in page.elements if a.get("http-equiv")]
    assert "default-src 'none'" in policies[0]["content"]


def test_names_are_only_text(made):
    named = trade(
        EVIL, 10.0, [order(1, 1, 100, True, EVIL), order(2, 1, 110, False, EVIL)],
        enter_tag=EVIL, exit_reason=EVIL,
    )  # fmt: skip
    real = trade(BTC, 10.0, [order(1, 1, 100, True, EVIL), order(2, 1, 110, False)], enter_tag=EVIL)
    page = made(document(named, real, strategy_name=EVIL, locks=[lock("*", 1, 3, EVIL)]))
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert EVIL in page.words
    assert len(page.scripts) == 3
    assert "<" not in page.scripts[0]  # nothing in the data can end its script
    assert "<img" not in json.dumps(page.charts)  # plotly reads texts as HTML


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "these results have no lock"),
        (
            {},
            "Distance to liquidation: an export does not have it, and it can be",
        ),
        ({}, "Calibration of confidence: fewer than 20"),
        ({"trades": []}, "Pairs, tags and exit reasons: no trade was closed"),
        ({"trades": []}, "Exposure: no position was open"),
    ],
)
def test_what_is_left_out_is_said(made, three_trades, content, said):
    assert said in made(document(*three_trades, **content)).words


def test_two_runs_and_a_benchmark_stand_side_by_side(made, three_trades, tmp_path):
    free = write(tmp_path / "free.json", document(*three_trades))
    locks = [lock("*", 28, 31, "FlashCrashBreaker reducing: x"), lock(SPIKED, 0, 9, "Other: y")]
    guarded = document(three_trades[0], three_trades[2], locks=locks)
    page = made(guarded, "--with", free, "--against", "BTC")
    assert "The account with breakers without breakers BTC Return" in page.words
    # The trade of hour 30 was kept out, and made 100.
    assert "FlashCrashBreaker 1 3 1 100.0% 100.00" in page.words
    assert "Other 1 9 0" in page.words
    names = [trace["name"] for trace in page.charts["equity"]["data"] if "name" in trace]
    assert {"with breakers", "without breakers", "BTC"} <= set(names)


def test_figures_for_programs(three_trades, tmp_path, datadir):
    export = write(tmp_path / "export.json", document(*three_trades))
    code, out, _ = run(export, "--datadir", datadir, "--against", "buy-and-hold", "--json")
    assert code == 0
    found = json.loads(out)
    (only,) = found["runs"]
    assert only["final_equity"] == 1080.0
    assert only["trades"]["trades"] == 3
    assert only["trades"]["profit_factor"] == pytest.approx(130 / 50)
    # In units of 50, 50 and 20: what each entry would have lost at its first stop.
    assert only["trades"]["mean_r"] == pytest.approx((-1 + 2 + 1.5) / 3)
    assert only["figures"]["worst_day"] == pytest.approx(0.05)
    assert only["months"] == {"2023-01": pytest.approx(0.08)}
    assert found["against"]["profit"] == pytest.approx(-0.1)
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize(("days", "few"), [(10, True), (40, False)])
def test_figures_of_a_year_from_few_days_are_said_to_say_little(made, three_trades, days, few):
    ends = f"{START + timedelta(days=days):%F %T}"
    page = made(document(*three_trades, backtest_end=ends))
    assert ("of so few days they say little" in page.words) == few


@pytest.mark.parametrize("lost", [1000.0, 1500.0])
def test_an_account_that_is_ruined_still_has_a_report(made, datadir, tmp_path, lost):
    """With nothing left, or less than nothing, there are no returns."""
    ruin = trade(BTC, -lost, [order(30, lost / 10, 100, True), order(40, lost / 10, 90, False)])
    page = made(document(ruin))
    assert "1,000.00 USDT became" in page.words
    code, out, _ = run(tmp_path / "export.json", "--datadir", datadir, "--json")
    assert code == 0
    figures = json.loads(out, parse_constant=pytest.fail)["runs"][0]["figures"]
    assert figures["cagr"] == -1.0
    assert figures["max_drawdown"] >= 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--against", "B/C"], "against must be buy-and-hold or a coin such as BTC, got 'B/C'"),
        (["--against", "DOGE"], "against needs 1h candles of DOGE/USDT:USDT"),
        (["--strategy", "Other"], "strategy must be one of ByHand"),
        (["--datadir", "nowhere"], "datadir must be a directory with Freqtrade data, got nowhere"),
        (["--data-format", "csv"], "data_format must be one of feather"),
        (["--with", "nothing.zip"], "must be a backtest export or a trade database"),
    ],
)
def test_bad_input_is_one_line(three_trades, tmp_path, datadir, options, said):
    export = write(tmp_path / "export.json", document(*three_trades))
    out = tmp_path / "page.html"
    code, _, err = run(export, "--datadir", datadir, "--out", out, *options)
    assert (code, out.exists()) == (2, False)
    (line,) = err.strip().splitlines()
    assert line.startswith("Error: ")
    assert said in line


def test_without_plotly_its_extra_is_named(monkeypatch, three_trades, tmp_path, datadir):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    export = write(tmp_path / "export.json", document(*three_trades))
    code, _, err = run(export, "--datadir", datadir, "--out", tmp_path / "page.html")
    assert code == 2
    assert "report needs plotly: pip install 'perpkit[report]'" in err


def test_where_no_candles_are_stored_the_page_says_so(three_trades, tmp_path, monkeypatch):
    """As of a bot that has only traded."""
    monkeypatch.chdir(tmp_path)
    export = write(tmp_path / "export.json", document(*three_trades))
    for _ in range(2):  # an earlier page is replaced
        code, _, _ = run(export, "--out", tmp_path / "page.html")
        assert code == 0
    page = (tmp_path / "page.html").read_text()
    assert f"There are no candles of {BTC}" in page


def window(day: int = 0) -> str:
    """As FreqAI names the window of BTC that begins on a day of the run."""
    return f"cb_btc_{int((START + timedelta(days=day)).timestamp())}"


@pytest.fixture
def learned(tmp_path):
    """Evidence of a model that said 0.4 for eight candles, of which half paid, and 0.8 for two."""
    dates = pd.date_range(START, periods=10, freq="1h")
    rows = pd.DataFrame(
        {
            "date": dates,
            "pair": BTC,
            "probability": [0.4] * 8 + [0.8] * 2,
            "pays": [True, False] * 4 + [True, True],
        }
    )
    folder = tmp_path / "models"
    write_window(folder, window(), rows, {"rsi 1h": 0.3, EVIL: 0.1})
    return folder


def test_a_model_s_probabilities_are_shown_beside_what_came(made, three_trades, learned):
    page = made(document(*three_trades, freqai_identifier="x"), "--models", learned)
    assert "Over 10 candles that the model had not seen" in page.words
    # (8 x 0.1 + 2 x 0.2) / 10; of BTC alone, the same.
    assert "frequency is 12.0% (expected calibration error); not below the 5%" in page.words
    _, drawn = page.charts["calibration"]["data"]
    assert (drawn["x"], drawn["y"]) == ([0.4, 0.8], [0.5, 1.0])
    assert f"{BTC} 10 60.0% 48.0% 12.0%" in page.words
    assert "The other 470 of the run's 480 candles have none of this" in page.words
    (bars,) = page.charts["importance"]["data"]
    assert bars["x"] == [0.1, 0.3]
    assert bars["y"][1] == "rsi 1h"
    assert "rsi 1h moves the predictions most: 75%" in page.words
    assert "<img" not in json.dumps(page.charts)
    for name in ("calibration", "importance"):
        go.Figure(coloured(page.charts[name]))


def test_a_model_s_figures_are_in_the_summary(tmp_path, datadir, three_trades, learned):
    export = write(tmp_path / "export.json", document(*three_trades, freqai_identifier="x"))
    code, out, err = run(export, "--datadir", datadir, "--models", learned, "--json")
    assert code == 0, err
    found = json.loads(out)["model"]
    assert (found["candles"], found["candles_without"]) == (10, 470)
    assert found["calibration_error"] == pytest.approx(0.12)
    assert found["brier_skill"] == pytest.approx(1 - (8 * 0.26 + 2 * 0.04) / 10 / 0.24)
    assert found["importance"] == {"rsi 1h": 0.3, EVIL: 0.1}


@pytest.mark.parametrize(
    ("timerange", "days", "predicted"),
    [
        ("20230101-20230111", 2, 0.48),
        ("20230101-20230111", 3, 0.49),
        # Freqtrade began later than asked, for want of candles; FreqAI's windows did not.
        ("20221231-20230111", 2, 0.5),
        ("20221230-20230111", 2, 0.48),
    ],
)
def test_windows_of_other_runs_of_the_model_do_not_count(
    tmp_path, datadir, three_trades, learned, timerange, days, predicted
):
    """One window begins with the run, another one three days later."""
    dates = pd.date_range(START + timedelta(days=3), periods=10, freq="1h")
    later = pd.DataFrame({"date": dates, "pair": BTC, "probability": 0.5, "pays": True})
    write_window(learned, window(day=3), later, {})
    export = tmp_path / "export.zip"
    content = document(*three_trades, freqai_identifier="x", timerange=timerange)
    config = {"freqai": {"backtest_period_days": days}}
    with zipfile.ZipFile(export, "w") as archive:
        archive.writestr("export.json", json.dumps(content))
        archive.writestr("export_config.json", json.dumps(config))
    code, out, err = run(export, "--datadir", datadir, "--models", learned, "--json")
    assert code == 0, err
    assert json.loads(out)["model"]["predicted"] == pytest.approx(predicted)


def test_a_model_that_nothing_is_noted_of_is_said(made, three_trades, tmp_path):
    page = made(document(*three_trades, freqai_identifier="x"))
    assert "nothing is noted of FreqAI's 'x'" in page.words
    assert "calibration" not in page.charts
    assert "calibration error" not in made(document(*three_trades)).words


def test_a_damaged_window_of_a_model_is_one_line(tmp_path, datadir, three_trades, learned):
    export = write(tmp_path / "export.json", document(*three_trades, freqai_identifier="x"))
    (file,) = (learned / FOLDER).glob("*.feather")
    file.write_bytes(b"nothing")
    code, _, err = run(export, "--datadir", datadir, "--models", learned)
    assert code == 2
    assert err.startswith(f"Error: {window()}.feather: cannot be read as feather")
    code, _, err = run(export, "--datadir", datadir, "--models", tmp_path / "none")
    assert (code, err) == (2, f"Error: models must be a folder, got {tmp_path / 'none'}\n")

"""`perpkit plateau`, and the section of the page of a run whose parameters were searched for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from plotly import graph_objects as go
from typer.testing import CliRunner

from perpkit.cli import app
from tests.report.conftest import document, write

EVIL = "<img src=x>"


def fthypt(path, epochs=80):
    """A plateau where x is small, and a peak of one epoch elsewhere."""
    draw = np.random.default_rng(2)
    lines = []
    for number in range(1, epochs + 1):
        x, y = int(draw.integers(0, 50)), round(float(draw.random()), 3)
        loss = draw.normal(0, 0.05) - 2 * (x < 20)
        lines.append(line(number, loss, x, y))
    lines.append(line(epochs + 1, -9.0, 45, 0.5))
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    return path


def line(number, loss, x, y):
    return {
        "loss": loss, "params_dict": {"x": x, "y": y, EVIL: EVIL}, "current_epoch": number,
        "results_metrics": {"total_trades": 40}, "total_profit": 0.25,
    }  # fmt: skip


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def test_in_words_and_tables(tmp_path):
    code, out, err = invoke("plateau", fthypt(tmp_path / "a.fthypt"), "--top", 3)
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    assert "The best of 81 epochs, number 81, stands on a peak: it is probably luck." in said
    rows = [row.split() for row in out.splitlines() if row[:1].isdigit()]
    assert len(rows) == 6
    assert rows[0][:2] == ["81", "-9.000"]
    assert "peak" in rows[0]
    assert all("plateau" in row for row in rows[3:])


def test_as_json(tmp_path):
    code, out, _ = invoke("plateau", fthypt(tmp_path / "a.fthypt"), "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["tried"], found["epochs"], found["neighbours"]) == (81, 81, 5)
    assert found["best"][0]["ground"] == "peak"
    assert found["best_neighbourhoods"][0]["ground"] == "plateau"
    assert found["best_neighbourhoods"][0]["epoch"]["params"]["x"] < 20
    assert max(found["importance"], key=found["importance"].get) == "x"


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "result of Freqtrade's hyperopt"), (None, "hyperopt must be a file"), ("few", "got 6")],
)
def test_bad_files_are_named(tmp_path, content, said):
    path = tmp_path / "a.fthypt"
    if content == "few":
        fthypt(path, epochs=5)
    elif content is not None:
        path.write_text(content)
    code, out, err = invoke("plateau", path)
    assert (code, out) == (2, "")
    assert said in err


def test_the_section_of_the_page(tmp_path, datadir, three_trades):
    export = write(tmp_path / "export.json", document(*three_trades))
    out = tmp_path / "page.html"
    given = ["report", export, "--datadir", datadir, "--out", out]
    assert invoke(*given)[0] == 0
    assert 'id="search"' not in out.read_text()
    assert "search" not in out.read_text().split("What is left out</h2>")[1].split("</section>")[0]
    code, _, err = invoke(*given, "--hyperopt", fthypt(tmp_path / "a.fthypt"))
    assert code == 0, err
    page = out.read_text()
    section = page.split('<section id="search"')[1].split("</section>")[0]
    assert "stands on a peak" in section
    assert EVIL not in section
    charts = json.loads(page.split('id="charts">')[1].split("</script>")[0])
    [heat] = charts["search-heat"]["data"]
    assert heat["type"] == "heatmap"
    # x is the one that matters: its columns differ, and the first of them are the good ones.
    columns = np.array(heat["z"], dtype=float)
    assert np.nanmedian(columns[:, 0]) == pytest.approx(-2, abs=0.15)
    assert np.nanmedian(columns[:, -3]) == pytest.approx(0, abs=0.15)
    plain = json.loads(json.dumps(charts["search-heat"]).replace('"--', '"#12345'))
    for trace in plain["data"]:
        trace["colorscale"] = [[0, "#123456"], [1, "#abcdef"]]
    go.Figure(plain)  # raises for what plotly does not know


def test_the_figures_of_the_page_name_break_even_and_search(tmp_path, datadir, three_trades):
    export = write(tmp_path / "export.json", document(*three_trades))
    given = ["report", export, "--datadir", datadir, "--json"]
    _, out, _ = invoke(*given, "--hyperopt", fthypt(tmp_path / "a.fthypt"))
    found = json.loads(out)
    assert "stands on a peak" in found["search"]
    assert found["runs"][0]["break_even"]["more_bps"] == pytest.approx(80 / 2360 * 1e4)
    assert json.loads(invoke(*given)[1])["search"] is None


def test_a_bad_search_leaves_no_page(tmp_path, datadir, three_trades):
    export = write(tmp_path / "export.json", document(*three_trades))
    out = tmp_path / "page.html"
    (tmp_path / "a.fthypt").write_text("{}")
    given = ["report", export, "--datadir", datadir, "--out", out]
    code, _, err = invoke(*given, "--hyperopt", tmp_path / "a.fthypt")
    assert (code, out.exists()) == (2, False)
    assert "hyperopt must be a result of Freqtrade's hyperopt (.fthypt)" in err

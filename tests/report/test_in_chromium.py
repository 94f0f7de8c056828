"""The page in a real browser: every chart is drawn, nothing is logged, nothing is asked for."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from tests.bench.browser import chromium, opened
from tests.report.conftest import document, lock, write

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(chromium() is None, reason="no Chromium: apt-get install chromium"),
]

DRAWN = """[...document.querySelectorAll(".chart")].filter(
    (place) => place.querySelector(".trace path")
).map((place) => place.dataset.chart)"""
FOLDED = """document.querySelectorAll("details").forEach((fold) => { fold.open = true; })"""
SETTLED = "new Promise((done) => setTimeout(done, 300))"
INK = "getComputedStyle(document.querySelector('.xtick text')).fill"
WIDE = "document.documentElement.scrollWidth - innerWidth"
RANGE = "document.getElementById('chart-equity')._fullLayout.xaxis.range.join()"
FOCUS = "document.getElementById('chart-equity').focus()"


@pytest.fixture(scope="module")
def page():
    with opened() as page:
        yield page


@pytest.fixture
def written(tmp_path, datadir, three_trades):
    locks = [lock("*", 5, 9, 'Flash<script>"CrashBreaker'), lock("*", 90, 95, "Other: y")]
    export = write(tmp_path / "export.json", document(*three_trades, locks=locks))
    out = tmp_path / "page.html"
    result = CliRunner().invoke(
        app, ["report", str(export), "--datadir", str(datadir), "--out", str(out)]
    )
    assert result.exit_code == 0, result.stderr
    return out


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_every_chart_is_drawn_without_an_error_or_a_request(page, written, size):
    page.show(written, size)
    page.run(FOLDED)
    page.run(SETTLED)
    expected = page.run("Object.keys(JSON.parse(document.getElementById('charts').textContent))")
    assert sorted(page.run(DRAWN)) == sorted(expected)
    assert page.run(WIDE) <= 0
    assert (page.logged, page.asked) == ([], [])


def test_it_follows_the_theme_and_the_keyboard(page, written):
    page.show(written)
    light = page.run(INK)
    page.look("desktop", dark=True)
    page.run(SETTLED)
    assert page.run(INK) != light
    page.run(FOCUS)
    seen = [page.run(RANGE)]
    for key in ("+", "ArrowRight", "-"):
        page.key(key)
        page.run(SETTLED)
        seen.append(page.run(RANGE))
    assert len(set(seen)) == len(seen)
    assert (page.logged, page.asked) == ([], [])


def test_a_request_would_be_refused_and_seen(page, written):
    """The page may load nothing, and this test notices that it tries."""
    bad = written.with_name("bad.html")
    image = "<img src='http://127.0.0.1:9/x.png'>"
    bad.write_text(written.read_text().replace("</main>", f"{image}</main>"))
    page.show(bad)
    page.run(SETTLED)
    assert any("Content Security Policy" in line for line in page.logged)
    page.logged.clear()

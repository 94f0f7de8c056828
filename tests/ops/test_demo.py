"""What the demo does where it cannot go on; the whole of it is `make demo`."""

from __future__ import annotations

import pytest

from perpkit.ops import demo

RUN = {
    "figures": {
        "profit": 0.051, "max_drawdown": 0.1, "worst_day": 0.02, "sharpe": 0.5, "days": 100,
    },
    "trades": {"trades": 12, "longs": 7, "profit_factor": 1.25},
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "CHECKOUT", tmp_path)
    monkeypatch.setattr(demo, "FOLDER", tmp_path / ".demo")
    monkeypatch.setattr(demo, "RESULTS", tmp_path / ".demo/user_data/backtest_results")
    monkeypatch.setattr(demo, "PAGE", tmp_path / ".demo/report.html")


def stopped(*_):
    raise KeyboardInterrupt


def failed(*_):
    raise demo.CommandError("freqtrade backtesting failed:\nno data")


@pytest.mark.parametrize(
    ("instead", "code", "said"),
    [
        (stopped, 130, "Stopped. Nothing of it runs on; make demo begins again.\n"),
        (failed, 1, "freqtrade backtesting failed:\nno data\n"),
    ],
)
def test_it_ends_with_a_line(monkeypatch, capsys, instead, code, said):
    monkeypatch.setattr(demo, "market", instead)
    assert demo.main() == code
    assert capsys.readouterr().out.endswith(said)


def test_a_command_that_fails_is_an_error_with_its_words():
    with pytest.raises(demo.CommandError, match=r"(?s)^json\.tool .* failed:\n.*/there/is"):
        demo.run("json.tool", "/there/is/none")


def test_what_it_shows_fits_eighty_columns(monkeypatch, capsys):
    locks = [
        {"pair": "*", "lock_time": f"2025-01-0{day} 00:00:00+00:00",
         "lock_end_time": f"2025-01-0{day} 12:00:00+00:00"}
        for day in (1, 2)
    ]  # fmt: skip
    monkeypatch.setattr(
        "freqtrade.data.btanalysis.load_backtest_stats",
        lambda _path: {"strategy": {demo.STRATEGY: {"locks": locks}}},
    )
    demo.show([RUN, RUN], demo.FOLDER / "export.zip")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "12 (7, 5)" in text
    assert "2 times, 1.0% of the time" in text
    assert "Open .demo/report.html in a browser" in text

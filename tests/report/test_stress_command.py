"""`perpkit stress` and its section of the page, on the run by hand."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from tests.report.conftest import BTC, document, order, trade, write


@pytest.fixture
def run(tmp_path, datadir, three_trades):
    def run(*options, trades=None, **content) -> tuple[int, str, str]:
        given = document(*(three_trades if trades is None else trades), **content)
        export = write(tmp_path / "export.json", given)
        arguments = ["stress", str(export), "--datadir", str(datadir), *options]
        result = CliRunner().invoke(app, arguments)
        return result.exit_code, result.stdout, " ".join(result.stderr.split())

    return run


def models(*names):
    return [word for name in names for word in ("--model", name)]


# 80 were made of 500 + 450, 450 + 550, and 220 + 100 + 90 of the short.
TURNOVER = 500 + 450 + 450 + 550 + 220 + 190


def test_at_which_cost_the_edge_is_gone(run):
    code, out, err = run(*models("identity", "shifted_funding,bps_8h=50"))
    assert code == 0, err
    more = 80 / TURNOVER * 1e4
    assert f"The edge is gone when a side costs {more:.1f} bps more than in these results" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["identity"][1:4] == ["80.00", "0.00", "bps"]
    assert "It is gone under" not in out


def test_it_names_the_models_that_take_all_of_it(run):
    market = "failed_orders,rate=0.95"
    _, out, _ = run(*models("identity", market, "shifted_funding,bps_8h=100"))
    assert "It is gone under" in out


def in_bitcoin(trades):
    for each in trades:
        each["profit_abs"] *= 1e-6
        for filled in each["orders"]:
            filled["amount"] *= 1e-6
    return {"stake_currency": "BTC"}


def test_a_stake_in_a_coin_worth_much_has_an_edge_too(run, three_trades):
    given = in_bitcoin(three_trades)
    _, out, _ = run(
        "--json", *models("identity", "maker_taker,maker_share=0,taker_bps=10"), **given
    )
    found = json.loads(out)
    gone = [each["edge_gone_at_times"] for each in found["scenarios"]]
    assert gone == [None, pytest.approx(80 / (TURNOVER * 1e-3))]


def test_amounts_of_bitcoin_are_shown_to_the_satoshi(run, three_trades):
    code, out, err = run(*models("identity"), **in_bitcoin(three_trades))
    assert code == 0, err
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["identity"][1] == "0.00008000"
    assert "made something else" not in out


def test_a_satoshi_is_a_cent_of_bitcoin(run, three_trades):
    given = in_bitcoin(three_trades)
    three_trades[0]["profit_abs"] += 2e-8
    _, out, _ = run(*models("identity"), **given)
    assert "1 trades made something else than their fills say, by more than 0.00000001" in out


def test_as_json(run):
    code, out, _ = run("--json", *models("identity", "maker_taker,maker_share=0,taker_bps=10"))
    assert code == 0
    found = json.loads(out)
    assert found["break_even"]["turnover"] == pytest.approx(TURNOVER)
    same, dear = found["scenarios"]
    assert (same["profit"], same["cost"]) == (pytest.approx(80), pytest.approx(0))
    assert dear["profit"] == pytest.approx(80 - TURNOVER * 1e-3)
    assert dear["edge_gone_at_times"] == pytest.approx(80 / (TURNOVER * 1e-3))
    assert set(found["luck"]) == {"as it was", "maker_taker,maker_share=0,taker_bps=10"}
    assert set(found["luck"]["as it was"]) == {"order of trades", "blocks of days"}


def test_everything_is_run_by_default(run):
    code, out, err = run("--json")
    assert code == 0, err
    names = [one["name"] for one in json.loads(out)["scenarios"]]
    assert len(names) == 12
    assert "12 of 12" in err
    # A volume of 1 in each candle: most of its turnover, and nothing in front of the first order.
    assert "orders" in " ".join(json.loads(out)["said"])


def test_a_ruined_account_has_no_ratios(run):
    lost = [trade(BTC, -1500.0, [order(1, 150, 100, True), order(10, 150, 90, False)])]
    code, out, _ = run(*models("identity"), trades=lost)
    assert code == 0
    assert "ruined" in out
    assert "There is no edge that a cost could take" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (models("fast"), "model must be one of identity, spread"),
        (
            models("spread,floor_bps=-3"),
            "spread: floor_bps must be a number from 0 to 1000, got -3",
        ),
        (("--noise", "3"), "less than or equal to 2"),
        (("--datadir", "/nowhere"), "datadir must be a directory"),
    ],
)
def test_bad_input_is_named(run, options, said):
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert said in err.replace("│ ", "")


def test_without_a_closed_trade_it_is_refused(run):
    code, _, err = run(trades=[])
    assert code == 2
    assert "results must have a closed trade, got none in" in err


def test_trades_that_their_fills_do_not_explain_are_counted(run, three_trades):
    three_trades[0]["profit_abs"] = -40.0
    _, out, _ = run(*models("identity"))
    assert "1 trades made something else than their fills say" in out


def test_the_section_of_the_page(tmp_path, datadir, three_trades):
    export = write(tmp_path / "export.json", document(*three_trades))
    out = tmp_path / "page.html"
    arguments = ["report", str(export), "--datadir", str(datadir), "--out", str(out)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    page = out.read_text()
    section = page.split('<section id="stress"')[1].split("</section>")[0]
    assert f"a side costs {80 / TURNOVER * 1e4:.1f} bps more" in section
    row = section.split('<th scope="row">identity</th>')[1].split("</tr>")[0]
    assert '<td class="good">80.00</td><td>0.00 bps</td><td>3</td>' in row
    chart = json.loads(page.split('id="charts">')[1].split("</script>")[0])["stress"]["data"][0]
    zero = next(x for x, y in zip(chart["x"], chart["y"], strict=True) if y <= 0)
    assert zero == pytest.approx(80 / TURNOVER * 1e4, rel=0.02)


def test_orders_before_volatility_is_known_are_said_to_be_left(run):
    _, out, _ = run("--json", *models("spread"))
    said = json.loads(out)["said"]
    assert any("too few candles are before it to know the volatility" in each for each in said)

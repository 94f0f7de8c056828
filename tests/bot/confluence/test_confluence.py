"""Confluence in Freqtrade's own backtests: whose a trade is, what it risks, and what closes it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import LocalTrade

from perpkit.bot.layer.warm_up import never, supply
from tests.bench.backtests import STRATEGIES, backtest, write_candles
from tests.bot.stack import BTC, ETH, simulated
from tests.bot.started import started
from tests.conftest import REPOSITORY

OURS = str(REPOSITORY / "strategies")
MORNING, EVENING, BARE, STEADY = (
    f"sources_for_tests:{name}" for name in ("Morning", "Evening", "BareMorning", "Steady")
)
BREAKERS_OFF = {"enable_protections": False}
WIDE = {"stop": {"distance": 0.1}, "use": {"scale_out": False, "trailing": False}}


@pytest.fixture
def config(offline_markets, default_futures_config, monkeypatch):
    monkeypatch.setattr("sys.path", [*sys.path])  # to which the folder of the sources is added
    write_candles(default_futures_config["datadir"], rows=1_500)
    return {
        **default_futures_config,
        "strategy_path": OURS,
        "stake_amount": "unlimited",
        "user_data_dir": STRATEGIES.parent,
        "max_open_trades": 9,
    }


def run(config, strategy="Confluence", sources=(), perpkit=None, **rule: Any):
    section = {"sources": [s if isinstance(s, dict) else {"source": s} for s in sources], **rule}
    given = {"confluence": section} if strategy == "Confluence" else {}
    changed = {"strategy_path": OURS, "stake_amount": "unlimited", **BREAKERS_OFF}
    return backtest(config, strategy, perpkit={**given, **(perpkit or {})}, **changed)


def by_name(trades, name):
    return [trade for trade in trades if trade["enter_tag"].startswith(name)]


@pytest.mark.parametrize(
    ("single", "source"), [("RsiSmaSwing", "rsi_sma"), ("FundingTide", "funding_tide")]
)
def test_one_source_alone_trades_as_its_strategy(config, single, source):
    alone = run(config, single)
    assert len(alone.trades) > 5
    assert run(config, sources=[source]).trades == alone.trades


def test_each_trade_is_closed_by_its_own_source(config):
    """The evening's exits and shorts come while the morning's longs are open."""
    found = run(config, sources=[MORNING, EVENING], perpkit=WIDE).trades
    for name, hours in (("morning", 12), ("evening", 3)):
        closed = [t for t in by_name(found, name) if t["exit_reason"] == "exit_signal"]
        assert {t["trade_duration"] for t in closed} == {60 * hours}, name
        assert len(closed) > 20
    # One position a pair: those of 14:00 find the morning's.
    assert {t["open_date"][11:13] for t in by_name(found, "evening")} == {"21"}


def test_a_source_that_is_off_enters_nothing(config):
    off = {"source": EVENING, "enabled": False}
    found = run(config, sources=[MORNING, off]).trades
    assert found
    assert by_name(found, "evening") == []
    assert run(config, sources=[MORNING]).trades == found


def risked(trade, stop=0.05):
    """What the trade loses at its stop, in stake currency."""
    return trade["orders"][0]["cost"] / 1.0005 * stop


def test_a_budget_is_a_share_of_the_risk_of_a_trade(config):
    shares = [{"source": MORNING, "budget": 0.5}, {"source": EVENING, "budget": 0.1}]
    found = run(config, sources=shares, budgets="fixed").trades
    first = by_name(found, "morning")[0]
    # 1% of 10,000, a half of it, at a confidence of one half
    assert risked(first) == pytest.approx(25, rel=0.1)
    for trade in by_name(found, "evening"):
        assert risked(trade) == pytest.approx(8, rel=0.25)


def test_a_budget_is_a_share_of_the_open_risk(config):
    """Three pairs enter at the same hour, at 25 each: 60 is room for two and a part."""
    shares = [{"source": MORNING, "budget": 0.5}, {"source": EVENING, "budget": 0.5}]
    loose = {"max_cluster_risk": 1.0, "free_margin": 0.0, "max_open_risk": 0.012}
    found = run(config, sources=shares, budgets="fixed", perpkit={"exposure": loose})
    day = by_name(found.trades, "morning")[:3]
    assert len({t["open_date"] for t in day}) == 1
    assert [risked(t) for t in day] == pytest.approx([25, 25, 10], rel=0.1)
    whole = [{"source": MORNING, "budget": 1.0}]
    alone = run(config, sources=whole, budgets="fixed", perpkit={"exposure": loose})
    assert [risked(t) for t in alone.trades[:3]] == pytest.approx([50, 50, 20], rel=0.1)


def test_a_refusal_by_a_budget_carries_its_reason(config, caplog):
    caplog.set_level("INFO")
    shares = [{"source": MORNING, "budget": 0.5}, {"source": EVENING, "budget": 0.5}]
    loose = {"max_cluster_risk": 1.0, "free_margin": 0.0, "max_open_risk": 0.01}
    run(config, sources=shares, budgets="fixed", perpkit={"exposure": loose})
    assert "open risk in the budget of morning 0.50% of 0.50% of equity in use" in caplog.text


def test_stops_and_targets_are_those_of_the_source(config):
    found = run(config, sources=[BARE, EVENING]).trades
    for name, stop in (("bare_morning", -0.02), ("evening", -0.05)):
        ratios = {
            round(t["initial_stop_loss_ratio"] / t["leverage"], 3) for t in by_name(found, name)
        }
        assert ratios == {stop}, name
    # The bare one sells no parts, though 1R is near.
    assert {len(t["orders"]) for t in by_name(found, "bare_morning")} == {2}


def test_two_that_agree_enter_together(config):
    found = run(config, sources=[MORNING, BARE], rule="agree", least=2).trades
    assert {t["enter_tag"] for t in found} == {"morning+bare_morning 0.50"}
    # Both commit their budgets, and the first that leaves ends it.
    assert risked(found[0]) == pytest.approx(50, rel=0.1)
    assert run(config, sources=[MORNING, EVENING], rule="agree").trades == []


@pytest.mark.parametrize("rule", ["agree", "weighted"])
def test_the_first_that_leaves_ends_it_though_another_still_enters(config, rule):
    found = run(config, sources=[MORNING, STEADY], rule=rule, perpkit=WIDE).trades
    closed = [trade for trade in found if trade["exit_reason"] == "exit_signal"]
    assert {trade["enter_tag"] for trade in closed} == {"morning+steady 0.50"}
    assert {trade["trade_duration"] for trade in closed} == {60 * 12}
    assert len(closed) > 20


@pytest.mark.parametrize("rule", ["any", "agree", "weighted"])
def test_no_look_ahead(default_futures_config, rule):
    datadir = default_futures_config["datadir"]
    write_candles(datadir, rows=3_000)
    given = {"confluence": {"rule": rule, "threshold": 0.3}}
    subject = started(default_futures_config, "Confluence", perpkit=given)
    candles = pd.read_feather(datadir / "futures" / "ETH_USDT_USDT-1h-futures.feather")
    pair = {"pair": "ETH/USDT:USDT"}

    def analysed(rows: int) -> pd.DataFrame:
        frame = subject.advise_indicators(candles[:rows].copy(), pair)
        return subject.ft_advise_signals(frame, pair)

    whole = analysed(2_500)
    own = [column for column in whole if column.startswith(("rsi_sma", "funding_tide", "momentum"))]
    assert len(own) == 13  # the signals of three sources, and the momentum
    entered = whole["enter_long"] + whole["enter_short"]
    assert rule == "agree" or entered.sum() > 5
    assert whole[["rsi", "stretch", "momentum"]].notna().any().all()
    for rows in (1_200, 1_201, 1_207, 2_499):
        pd.testing.assert_frame_equal(analysed(rows), whole[:rows])


def test_what_a_candle_lacks_is_said_by_source(default_futures_config):
    write_candles(default_futures_config["datadir"])
    given = {"confluence": {"rule": "agree"}}
    for perpkit, expected in (({}, "long of momentum"), (given, "long")):
        subject = started(default_futures_config, "Confluence", perpkit=perpkit)
        candles = pd.read_feather(
            default_futures_config["datadir"] / "futures" / "ETH_USDT_USDT-1h-futures.feather"
        )
        frame = subject.advise_indicators(candles, {"pair": "ETH/USDT:USDT"})
        found = subject.entry_conditions(frame)
        assert {f"{side} of {name}" for side in ("long", "short") for name in subject.sources} <= (
            found.keys()
        )
        assert expected in found
        assert all(len(np.asarray(c.met)) == len(frame) for each in found.values() for c in each)


def test_charts_draw_the_claims_of_each_source(default_futures_config):
    subject = started(default_futures_config, "Confluence")
    for name in ("rsi_sma", "funding_tide", "momentum"):
        assert f"{name}_enter_long" in subject.plot_config["subplots"][name]


@pytest.mark.usefixtures("trades_in_memory")
def test_the_start_names_open_trades_of_a_source_that_is_gone(default_futures_config, caplog):
    for number, (pair, tag) in enumerate(
        [(BTC, "momentum 1.00"), (ETH, "momentum+rsi_sma 0.85"), ("XRP/USDT:USDT", "rsi_sma 0.70")],
        1,
    ):
        trade = simulated(pair, number=number)
        trade.enter_tag = tag
        LocalTrade.add_bt_trade(trade)

    def said(*sources: dict[str, Any]) -> str:
        caplog.clear()
        given = {"confluence": {"sources": list(sources)}}
        started(default_futures_config, "Confluence", RunMode.DRY_RUN, perpkit=given)
        return " ".join(r.getMessage() for r in caplog.records if "Open trades name" in r.message)

    swing, slow = {"source": "rsi_sma"}, {"source": "momentum", "enabled": False}
    warning = said(swing)
    assert f"{BTC} of momentum: under the strategy's own stop and target" in warning
    assert f"{ETH} of momentum is left to rsi_sma" in warning
    assert 'put momentum back with "enabled": false' in warning
    assert "XRP" not in warning
    assert said(swing, slow) == ""


def test_claims_that_stand_for_long_ask_for_no_more_than_there_is(
    default_futures_config,
):
    """Freqtrade would not start: OKX gives 300 a request, and it makes five at most."""
    given = {"confluence": {"rule": "agree", "within": 10_000}}
    subject = started(default_futures_config, "Confluence", perpkit=given)
    assert subject.startup_candle_count == 5 * 300 - 1
    has = supply(subject.startup_candle_count, per_request=300)
    said = [sentence for _, sentence in never(subject.candles_needed(), has, "1h")]
    assert any("older claims of momentum are missed" in each for each in said)


@pytest.mark.parametrize("rule", ["any", "agree", "weighted"])
def test_claims_that_stand_need_candles_behind_the_first_of_them(default_futures_config, rule):
    """Or a backtest enters by claims that a bot, which has fewer candles, never sees."""
    given = {"confluence": {"rule": rule, "within": 600, "threshold": 0.3}}
    subject = started(default_futures_config, "Confluence", perpkit=given)
    has = supply(subject.startup_candle_count, per_request=499)
    needs = {need.what: need.candles for need in subject.candles_needed()}
    four_weeks = needs["the momentum of four weeks of momentum"]
    assert four_weeks == 673
    found = needs.get("a claim of momentum that stands for 600 candles")
    assert found == (None if rule == "any" else 673 + 599)
    assert max(needs.values()) <= has.at_start
    # With what was there for one candle alone, which the configuration may still ask for.
    said = [sentence for _, sentence in never(subject.candles_needed(), supply(707, 499), "1h")]
    assert any(
        each.startswith("a claim of momentum that stands for 600 candles needs 1272 candles of 1h")
        and 'older claims of momentum are missed. Allowed: "startup_candle_count" of at least 1272'
        in each
        for each in said
    ) is (rule != "any")

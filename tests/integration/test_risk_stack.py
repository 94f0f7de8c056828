"""The risk stack in stock backtests: what it does, and that the configuration changes it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from perpkit.bot.strategy import PerpStrategy
from perpkit.signals.confidence import score_of
from perpkit.venue.overlay import overlay
from tests.bench.planted import ACCOUNTS
from tests.cases import SLOW
from tests.conftest import REPOSITORY
from tests.integration.conftest import Bot, fills

pytestmark = pytest.mark.integration

WALLET, TRADABLE = 10_000, 0.99  # of the example configuration
STOP, RISK = PerpStrategy.stop_distance.value, PerpStrategy.risk_per_trade.value
# Freqtrade's own limit is out of the way, so that the stack's shows.
FREE = {"max_open_trades": 5}


@pytest.fixture(scope="module")
def run(venue_url, stored, tmp_path_factory):
    """A backtest with `"perpkit"` as given; each is run once."""
    home = tmp_path_factory.mktemp("risk_stack")
    (home / "venue.json").write_text(
        json.dumps(overlay(venue_url, home / "rehearsal", accounts=ACCOUNTS))
    )
    known: dict[str, dict[str, Any]] = {}

    def backtest(**given: Any) -> dict[str, Any]:
        key = json.dumps(given)
        if key not in known:
            userdir = home / str(len(known))
            (userdir / "backtest_results").mkdir(parents=True)
            configs = [REPOSITORY / "config.json.example", home / "venue.json"]
            bot = Bot(userdir, configs, stored)
            known[key] = bot.backtest("RsiSmaSwing", **FREE, perpkit=given)
        return known[key]

    return backtest


def moment(trade: dict[str, Any], which: str) -> datetime:
    return datetime.fromisoformat(trade[f"{which}_date"])


@pytest.fixture(scope="module")
def price(stored):
    """The close of the candle before, from the stored candles."""
    closes: dict[str, pd.Series] = {}

    def close(pair: str, at: datetime) -> float:
        if pair not in closes:
            name = pair.replace("/", "_").replace(":", "_")
            frame = pd.read_feather(stored / "futures" / f"{name}-1h-futures.feather")
            closes[pair] = frame.set_index("date")["close"]
        return float(closes[pair][at - timedelta(hours=1)])

    return close


def equity(trades: list[dict[str, Any]], at: datetime, price) -> float:
    """Marked to market, before fees and funding, with all that happened before `at`."""
    value = WALLET * TRADABLE
    for trade in trades:
        held = 0.0
        for when, amount, rate in fills(trade):
            if when < at:
                held += amount
                value -= amount * rate
        if abs(held) > 1e-9:
            value += held * price(trade["pair"], at)
    return value


def entry_value(trade: dict[str, Any]) -> float:
    return sum(abs(order["amount"] * order["safe_price"])
               for order in trade["orders"] if order["ft_is_entry"])  # fmt: skip


def most_at_once(trades: list[dict[str, Any]]) -> int:
    changes = sorted(
        [(moment(trade, "open"), 1) for trade in trades]
        + [(moment(trade, "close"), -1) for trade in trades]
    )
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_no_trade_risks_more_than_its_share_of_the_equity(run, price):
    trades = run()["trades"]
    shares = []
    for trade in trades:
        worth = equity(trades, moment(trade, "open"), price)
        share = entry_value(trade) * STOP / worth
        confidence = score_of(trade["enter_tag"], {"rsi_sma"})
        # Fees and funding, which `equity` leaves out, are a few tenths of a percent of it.
        assert share <= RISK * confidence * 1.01
        shares.append(share / (RISK * confidence))
    assert len(trades) > 20
    assert max(shares) > 0.95  # and not less for want of anything


def test_no_trade_loses_more_than_it_risked(run, price):
    trades = run()["trades"]
    for trade in trades:
        worth = equity(trades, moment(trade, "open"), price)
        # Two fees and funding on top, on a value of up to a fifth of the equity.
        assert trade["profit_abs"] >= -worth * RISK * 1.1
    assert not any("liquidation" in trade["exit_reason"] for trade in trades)


def test_parts_are_sold_on_the_way(run):
    trades = run()["trades"]
    parts = [[order for order in trade["orders"] if not order["ft_is_entry"]] for trade in trades]
    assert sum(len(exits) > 1 for exits in parts) >= 3
    for trade, exits in zip(trades, parts, strict=True):
        bought = sum(order["amount"] for order in trade["orders"] if order["ft_is_entry"])
        assert sum(order["amount"] for order in exits) == pytest.approx(bought)
        if len(exits) > 1:
            assert exits[0]["ft_order_tag"] == "scale_out"
            # Half of it, less what the step of the quantity cuts off.
            assert 0.4 <= exits[0]["amount"] / bought <= 0.5 + 1e-9
            gain = exits[0]["safe_price"] / trade["open_rate"] - 1
            assert (-gain if trade["is_short"] else gain) >= STOP * (1 - 1e-6)


def test_after_a_part_is_sold_the_rest_does_not_lose(run):
    for trade in run()["trades"]:
        exits = [order for order in trade["orders"] if not order["ft_is_entry"]]
        if len(exits) > 1 and "stop" in trade["exit_reason"]:
            gain = exits[-1]["safe_price"] / trade["open_rate"] - 1
            assert (-gain if trade["is_short"] else gain) >= -1e-3  # break-even, to a tick


def test_stops_stand_at_their_distance_and_then_follow(run):
    trades = run()["trades"]
    stopped = [t for t in trades if t["exit_reason"] in ("stop_loss", "trailing_stop_loss")]
    distances = [
        (trade["open_rate"] - trade["stop_loss_abs"]) / trade["open_rate"]
        * (-1 if trade["is_short"] else 1)
        for trade in stopped
    ]  # fmt: skip
    assert max(distances) == pytest.approx(STOP, rel=0.01)
    assert min(distances) < 0.5 * STOP


def test_no_more_positions_than_the_limit(run):
    assert most_at_once(run()["trades"]) <= 3
    assert most_at_once(run(exposure={"max_positions": 1})["trades"]) == 1


def test_the_configuration_changes_it(run):
    whole = run(use={"scale_out": False, "trailing": False, "exposure": False})["trades"]
    assert all(len(trade["orders"]) == 2 for trade in whole)
    assert "trailing_stop_loss" not in Counter(trade["exit_reason"] for trade in whole)

    near = run(stop={"distance": 0.02}, leverage={"max_leverage": 1})["trades"]
    assert {trade["leverage"] for trade in near} == {1.0}
    stopped = [trade for trade in near if trade["exit_reason"] == "stop_loss"]
    assert stopped
    for trade in stopped:
        assert abs(trade["stop_loss_abs"] / trade["open_rate"] - 1) <= 0.0205


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"levrage": {}}, '"perpkit" has no parameter "levrage". Allowed: ', marks=SLOW
        ),
        pytest.param(
            {"stop": {"distanse": 0.1}},
            '"perpkit.stop" has no parameter "distanse". Allowed: ',
            marks=SLOW,
        ),
        ({"stop": {"distance": 3}}, '"perpkit.stop": distance must be a number from 0.001 to 0.5'),
    ],
)
def test_what_it_does_not_know_is_refused_by_name_in_one_line(bot, given, message):
    result = bot(
        "backtesting", f"--datadir={bot.datadir}", "--strategy=RsiSmaSwing",
        "--timerange=20250118-20250531", perpkit=given,
    )  # fmt: skip
    assert "BACKTESTING REPORT" not in result.stdout
    assert "Traceback" not in result.stdout
    errors = [line for line in result.stdout.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert message in errors[0]

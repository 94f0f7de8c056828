"""State files: the least that one holds, and one with every field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from perpkit.record.state import State
from perpkit.record.state_holdings import Account, Position, Stop, Waiting
from perpkit.record.state_running import (
    Candles,
    FailedCallback,
    Failing,
    Journal,
    Loop,
    Model,
    Requests,
    Slippage,
    Versions,
)
from perpkit.record.state_trading import (
    Doubt,
    Latch,
    Lock,
    Reconciliation,
    Refusals,
    Refused,
    Restriction,
    Trading,
)

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BTC = "BTC/USDT:USDT"


def least(**more: Any) -> State:
    """What a bot without any part would write."""
    given = {
        "written_at": NOW,
        "pid": 7,
        "started_at": NOW - 60 * SECOND,
        "strategy": "RsiSmaSwing",
        "mode": "live",
        "bot_state": "running",
        "throttle_seconds": 5.0,
        "versions": Versions(freqtrade="2026.9", perpkit="0.1.0"),
    }
    return State(**(given | more))


def loop(longest: float) -> Loop:
    return Loop(
        cycles=9, last_seconds=1.0, mean_seconds=1.0, max_seconds=longest, succeeded_at=None,
        failed=9, error="TemporaryError: no answer",
    )  # fmt: skip


def everything() -> State:
    """With every field."""
    stop = Stop(order_id="8", amount=0.01, price=28_500.0)
    return least(
        passive="PASSIVE: a copy",
        loop=loop(2.0),
        trading=Trading(
            state="reducing",
            reason="lost 9%",
            restrictions=(
                Restriction(
                    name="DrawdownBreaker", trading="reducing", pair="*", side="*",
                    reason="lost 9%", since=NOW, release=NOW + SECOND, size_factor=0.0,
                    max_leverage=2.0,
                ),
            ),
            doubts=(Doubt(callback="bot_loop_start", pair="*", reason="has failed"),),
            breakers=("DrawdownBreaker", "VolatilityBreaker"),
        ),
        locks=(Lock(pair=BTC, side="long", until=NOW + SECOND, reason="a loss"),),
        latch=Latch(
            path="/bot/perpkit/latch/main.live.json", state="halted", by="me@here", why="a test",
            at=NOW, damaged=True,
        ),
        positions=(
            Position(
                trade_id=1, pair=BTC, side="long", amount=0.01, open_rate=30_000.0, opened_at=NOW,
                leverage=3.0, liquidation_price=21_000.0, stop_price=28_500.0, covered=True,
                since=NOW, covered_by=(stop,), risk=1_500.0, price=30_300.0, mark_price=30_310.0,
                notional=303.0, unrealised=2.7, funding=-0.1, at_risk=18.0, stop_distance=0.0594,
                liquidation_distance=0.3072, adl_rank=2,
            ),
        ),
        entries=(
            Waiting(
                trade_id=2, order_id="9", pair="ETH/USDT:USDT", side="short", type="limit",
                amount=0.5, filled=0.1, price=2_000.0, placed_at=NOW, tag="pullback",
            ),
        ),
        account=Account(
            currency="USDT", equity=1_002.7, peak=1_100.0, drawdown=0.0885, unrealised=2.7,
            gross=303.0, net=303.0, open_risk=18.0, funding=-0.1, unexplained=0.5,
            balance=1_000.0, balance_at=NOW - SECOND,
        ),
        requests=Requests(
            used_weight=120, weight_limit=2_400, orders_10s=1, orders_10s_limit=300, orders_1m=2,
            orders_1m_limit=1_200, order_errors={"-2019": 3, "RequestTimeout": 1},
        ),
        candles=Candles(
            timeframe_seconds=3_600, pairs=3, without=1, oldest_pair=BTC,
            oldest_at=NOW - 60 * SECOND, newest_at=NOW,
        ),
        slippage=Slippage(fills=3, mean_bps=1.5, mean_excess_bps=-0.2),
        failed_callbacks={"leverage": FailedCallback(count=1, error="KeyError: x", at=NOW)},
        failing=(Failing(what="Reading", error="no", since=NOW, at=NOW, count=2),),
        refusals=Refusals(
            by_kind={"book": 2},
            newest=(
                Refused(
                    kind="book", pair=BTC, side="long", reason="thin", since=NOW, at=NOW, count=2
                ),
            ),
        ),
        reconciliation=Reconciliation(compared=True, refused={BTC: "it holds more"}),
        parts_off=("the stop guard is off",),
        journal=Journal(state="sound", open_intents=2, reason="x"),
        model=Model(used=7, without={"expired": 2}, pairs={BTC: "expired"}),
        missing={"slippage": "OSError: no"},
    )  # fmt: skip

"""Bots of a fleet, and what they report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perpkit.ops.fleet.fleet_file import Bot
from perpkit.ops.fleet.readings import Member, Reading
from perpkit.record.latch import LatchFile
from perpkit.record.state_holdings import Account
from perpkit.record.state_running import Requests
from tests.bench.states import NOW, least


def member(name: str, key: str = "one", **given: Any) -> Member:
    folder = given.pop("folder", Path("/bots"))
    mode = "live" if given.get("live", True) else "dry-run"
    bot = Bot(name=name, config=["x"], port=1, key=key, address=given.pop("address", "here"))
    fields = {
        "db_url": f"sqlite:///{folder / name}.sqlite",
        "state": folder / f"{name}.state.json",
        "latch": LatchFile(folder / name / f"main.{mode}.json"),
        "live": True,
        "own_capital": False,
    }
    return Member(bot, **{**fields, **given})


def account(equity: float | None, gross: float | None = 0.0, unrealised: float | None = 0.0,
            currency: str = "USDT", **given: Any) -> Account:  # fmt: skip
    """With a balance without the open profit, read now, if not given otherwise."""
    balance = None if equity is None or unrealised is None else equity - unrealised
    rest = dict.fromkeys(("peak", "drawdown", "net", "open_risk", "unexplained"))
    known = {"funding": 0.0, "balance": balance, "balance_at": NOW}
    return Account(
        currency=currency, equity=equity, gross=gross, unrealised=unrealised, **rest,
        **{**known, **given},
    )  # fmt: skip


def requests(used: int | None) -> Requests:
    return Requests(
        used_weight=used, weight_limit=2_400, orders_10s=1, orders_10s_limit=300, orders_1m=2,
        orders_1m_limit=1_200, order_errors={},
    )  # fmt: skip


def reading(of: Member, problem: str = "", **parts: Any) -> Reading:
    return Reading(of, least(**parts), problem)

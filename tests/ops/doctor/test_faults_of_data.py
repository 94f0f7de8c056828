"""Faults of stored data, tiers and disk: each is found, with a fix that mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from perpkit.rehearsal.datadir_mark import mark
from tests import factories
from tests.bench.doctor import Fault, check_found, configured

BTC = "BTC/USDT:USDT"


def candles(pair: str, kind: str) -> Callable[[Any], Path]:
    name = pair.replace("/", "_").replace(":", "_")
    return lambda bot: bot.datadir / "futures" / f"{name}-1h-{kind}.feather"


def rewritten(kind: str, rows: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> pd.DataFrame:
        frame = pd.read_feather(candles(BTC, kind)(bot))
        factories.write_candles(bot.datadir, BTC, rows(frame).reset_index(drop=True), kind)
        return frame

    return plant


def restored(kind: str) -> Callable[[Any, Any, Any], None]:
    return lambda bot, patch, frame: factories.write_candles(bot.datadir, BTC, frame, kind)


def no_candles(bot: Any, patch: Any) -> None:
    shutil.rmtree(bot.datadir)


def disk_with(free: int) -> Callable[[Any, Any], Any]:
    def plant(bot: Any, patch: Any) -> None:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    return plant


FAULTS = {
    "data of a venue": Fault(
        lambda bot, patch: mark(bot.datadir, "a venue"),
        "data directory", "were made by a simulated venue", "a data directory for each",
        lambda bot, patch, _: (bot.datadir / "perpkit-venue.json").unlink(),
    ),
    "data of the exchange for a venue": Fault(
        lambda bot, patch: (bot.datadir / "perpkit-venue.json").unlink(),
        "data directory", "holds data that no venue has made", "a data directory for each",
        lambda bot, patch, _: mark(bot.datadir, "a venue"), makes=("venue",),
    ),
    "no data": Fault(
        no_candles, "candles", "No candles in .* of BTC/USDT:USDT, ETH/USDT:USDT", "download-data",
    ),
    "no mark candles": Fault(
        lambda bot, patch: candles(BTC, "mark")(bot).unlink(),
        "candles", r"BTC/USDT:USDT \(mark 1h\)", "freqtrade download-data -c .* -t 1h",
    ),
    "gap in the candles": Fault(
        rewritten("futures", lambda frame: frame.drop(range(100, 103))),
        "candles", "BTC/USDT:USDT futures 1h: 1 gaps, .* from 2023-01-05 04:00 to 2023-01-05 07:00",
        "--pairs BTC/USDT:USDT .*--erase", restored("futures"),
    ),
    "gap in the funding": Fault(
        rewritten("funding_rate", lambda frame: frame.drop(range(20, 22))),
        "candles", "funding_rate 1h: 1 gaps", "--erase", restored("funding_rate"),
    ),
    "funding that ends early": Fault(
        rewritten("funding_rate", lambda frame: frame.head(30)),
        "candles", "funding_rate 1h is of 2023-01-01 00:00 to 2023-01-10", "--timerange 20230101-",
        restored("funding_rate"),
    ),
    "candles of a pattern": Fault(
        configured(exchange={"pair_whitelist": ["BTC/.*", "X.*/USDT:USDT"]}),
        "candles", r"No candles in .* of X\.\*/USDT:USDT:", "download-data",
    ),
    "leverage tiers of an old Freqtrade": Fault(
        lambda bot, patch: patch.setattr(metadata, "version", lambda _: "2025.11"),
        "leverage tiers", "Freqtrade 2025.11, 13 months old", "pip install --upgrade",
        also=frozenset({"software"}),
    ),
    "full disk": Fault(disk_with(150_000_000), "disk", "150 MB free", "free some"),
    "disk that is nearly full": Fault(disk_with(900_000_000), "disk", "900 MB free", "free some"),
}  # fmt: skip


@pytest.mark.parametrize("fault", [pytest.param(f, id=name) for name, f in FAULTS.items()])
def test_a_planted_fault_is_found_with_its_fix(set_up, monkeypatch, fault):
    check_found(fault, set_up(**dict.fromkeys(fault.makes, True)), monkeypatch)

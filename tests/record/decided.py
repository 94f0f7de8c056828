"""Decisions, for the tests of their log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from perpkit.record.decisions import Decision, Kind
from tests.factories import START as NOW

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def decision(after=timedelta(0), text="open positions 3 of 3", pair=BTC, **changed) -> Decision:
    made = Decision(NOW + after, Kind.REFUSED, pair, "long", "size", text)
    return replace(made, **changed)

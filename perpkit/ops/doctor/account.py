"""Checks how the exchange treats the account: trading locks, rank for deleveraging, commission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from perpkit.ops.doctor.asking import asked, of_account
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.ops.doctor.sums import symbol_of

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

HIGHEST_RANK = 4
_RULES = {
    "UFR": "too few orders fill",
    "IFER": "too many IOC or FOK orders expire",
    "GCR": "too many orders are cancelled",
    "DR": "too many orders are tiny",
    "TMV": "violations in too many symbols",
}
# Rates have six decimals.
_SAME = 1e-7


@of_account
def check_lock(context: Context) -> Iterator[Finding]:
    answer = context.client.fapiPrivateGetApiTradingStatus()
    yield from locked(answer.get("indicators") or {})


def locked(indicators: Mapping[str, Any]) -> Iterator[Finding]:
    """Judges the locks by the exchange's quantitative rules.

    :param indicators: of GET /fapi/v1/apiTradingStatus, rows by symbol, or ACCOUNT
    """
    found = False
    for where, rows in indicators.items():
        for row in rows:
            if str(row["isLocked"]).lower() != "true":
                continue
            found = True
            who = "The account" if where == "ACCOUNT" else where
            rule = row["indicator"]
            why = f"{_RULES.get(rule, 'a rule')}: {rule} {row['value']} of {row['triggerValue']}"
            yield fail(
                f"{who} is locked until {_moment(row['plannedRecoverTime'])} ({why}): the exchange "
                "takes reduce-only orders alone (-4400)",
                "wait until then; let entries rest longer (unfilledtimeout) and cancel fewer",
            )
    if not found:
        yield ok("No lock by the exchange's quantitative rules")


@of_account
def check_rank(context: Context) -> Iterator[Finding]:
    yield from ranked(context.client.fapiPrivateGetAdlQuantile())


def ranked(rows: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Judges the ranks for deleveraging.

    :param rows: of GET /fapi/v1/adlQuantile: ranks 0 to 4 by side of the position
    """
    ranks = {row["symbol"]: max(map(int, row["adlQuantile"].values()), default=0) for row in rows}
    for symbol, rank in ranks.items():
        if rank >= HIGHEST_RANK:
            yield warn(
                f"{symbol}: rank {rank} of {HIGHEST_RANK}, first in line when the exchange must "
                "deleverage: it would close the position at the bankruptcy price of another",
                "take part of the profit, or use less leverage; the stop does not protect from it",
            )
    if all(rank < HIGHEST_RANK for rank in ranks.values()):
        held = ", ".join(f"{symbol} {rank}" for symbol, rank in ranks.items())
        yield ok(f"Rank of {HIGHEST_RANK} for deleveraging: {held}" if held else "No position")


@asked
def check_commission(context: Context) -> Iterator[Finding]:
    pair = next(iter(context.pairs), None)
    symbol = symbol_of(pair) if pair else f"BTC{context.config['stake_currency']}"
    answer = context.client.fapiPrivateGetCommissionRate({"symbol": symbol})
    assumed = context.client.fees["linear"]["trading"]
    yield from charged(
        maker=float(answer["makerCommissionRate"]),
        taker=float(answer["takerCommissionRate"]),
        fee=context.config.get("fee"),
        assumed=float(assumed["taker"]),
    )


def charged(maker: float, taker: float, fee: float | None, assumed: float) -> Iterator[Finding]:
    """Compares the account's commission with the one that Freqtrade assumes.

    :param maker, taker: what the account pays, as fractions
    :param fee: of the configuration, None if it has none
    :param assumed: what Freqtrade assumes without `fee`
    """
    words = f"The account pays {maker:.4%} as maker, {taker:.4%} as taker"
    where = 'the configuration says "fee"' if fee is not None else "Freqtrade reckons with"
    used = fee if fee is not None else assumed
    if used + _SAME < taker:
        yield warn(
            f"{words}; {where} {used:.4%}: dry-run and backtests come out too well",
            f'set "fee": {taker:g}, or take it out',
        )
    else:
        yield ok(f"{words}; {where} {used:.4%}")


def _moment(milliseconds: Any) -> str:
    return f"{datetime.fromtimestamp(int(milliseconds) / 1000, UTC):%Y-%m-%d %H:%M} UTC"

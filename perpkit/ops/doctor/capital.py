"""`--capital`: which pairs an amount of capital can trade with this strategy, and which not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from perpkit.ops.doctor.asking import asked
from perpkit.ops.doctor.finding import Finding, Table, UnavailableError, fail, ok, warn

if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.ops.doctor.affordable import ContractTerms, FixedStake, LeastOrder, Sizing
    from perpkit.ops.doctor.context import Context
    from perpkit.risk.exposure import Between

_HOURS = 200
# The share lost to rounding above which it is reported.
_ROUNDED = 0.1
_DEFAULT_RESERVE = 0.05
COLUMNS = (
    "pair",
    "least order",
    "stake",
    "leverage",
    "order",
    "rounded",
    "alone",
    "with those above",
)


@asked
def check(context: Context) -> Iterator[Finding]:
    if context.capital is None:
        raise UnavailableError("asked for with --capital 200")
    from perpkit.ops.doctor import affordable

    config = context.config
    if not context.pairs:
        raise UnavailableError(
            "no pair of exchange.pair_whitelist is traded: with a pairlist that finds its own, "
            "name pairs there to see what they need"
        )
    strategy = context.strategy
    sizing, words = sizing_of(strategy, config)
    contracts, between = _contracts(context, str(strategy.timeframe))
    # As in Freqtrade: `available_capital` if it is set, otherwise the tradable part of the wallet.
    ratio = 1.0 if "available_capital" in config else float(config["tradable_balance_ratio"])
    equity = context.capital * ratio
    alone = [affordable.order(each, equity, sizing, between) for each in contracts]
    others = affordable.together(contracts, equity, sizing, between)
    least = {
        each.pair: affordable.needed(each, equity, sizing, between)
        for each, made in zip(contracts, alone, strict=True)
        if not made.notional
    }
    table = _table(contracts, alone, others)
    stake = config["stake_currency"]
    yield _judged(alone, others, least, ratio, f"{context.capital:g} {stake}", words, table)


def sizing_of(strategy: Any, config: Mapping[str, Any]) -> tuple[Sizing | FixedStake, str]:
    """Returns how a strategy sizes its entries, and what the estimate does not know about it."""
    from perpkit.bot.positions.entries import UNLIMITED
    from perpkit.bot.strategy import PerpStrategy
    from perpkit.ops.doctor.affordable import FixedStake, Sizing

    slots = float(config["max_open_trades"])
    slots = inf if slots < 0 else slots
    stake = config["stake_amount"]
    fixed_stake = None if stake == "unlimited" else float(stake)
    kind = type(strategy)
    if not isinstance(strategy, PerpStrategy):
        reserve = 1 + float(config.get("amount_reserve_percent", _DEFAULT_RESERVE))
        stop = abs(float(strategy.stoploss))
        reserve = min(reserve / (1 - stop), 1.5) if stop < 1 else 1.5
        fixed = FixedStake(fixed_stake, 1.0, slots, reserve)
        return fixed, f"{kind.__name__} sizes its entries itself or by stake_amount: at 1x here"
    settings = strategy.present_settings()
    use = settings.use
    if not use.sizing:
        fixed = FixedStake(fixed_stake, 1.0, slots, 1.5)
        return fixed, "use.sizing is off: by stake_amount, at 1x here"
    sizing = Sizing(
        leverage=settings.leverage,
        stop=settings.stop,
        rule=settings.sizing,
        limits=settings.exposure if use.exposure else UNLIMITED,
        kelly_cap=settings.kelly.cap,
        liquidation=use.liquidation,
        slots=slots,
        fixed_stake=inf if fixed_stake is None else fixed_stake,
    )
    own = [
        name
        for name in ("leverage", "custom_stake_amount")
        if getattr(kind, name) is not getattr(PerpStrategy, name)
    ]
    words = f"{kind.__name__} has {' and '.join(own)} of its own, which count" if own else ""
    return sizing, words


def _contracts(context: Context, timeframe: str) -> tuple[list[ContractTerms], Between]:
    from perpkit.market.benchmark import benchmark_pair
    from perpkit.market.correlation import BenchmarkCorrelation
    from perpkit.ops.doctor.pairs import closed_candles, contract_of, tiers_of

    client, tiers = context.public_client, context.tiers
    stake = context.config["stake_currency"]
    benchmark = benchmark_pair(stake)
    hourly: dict[str, DataFrame] = {}
    found = []
    for pair in context.pairs:
        if pair not in tiers:
            continue
        try:
            hourly[pair] = closed_candles(client, pair, "1h", _HOURS)
            own = hourly[pair] if timeframe == "1h" else closed_candles(client, pair, timeframe)
        except LookupError:
            continue
        found.append(contract_of(client.market(pair), tiers_of(tiers[pair]), own))
    if benchmark in client.markets and benchmark not in hourly:
        hourly[benchmark] = closed_candles(client, benchmark, "1h", _HOURS)
    return found, BenchmarkCorrelation(_to_benchmark(hourly, benchmark)).between


def _to_benchmark(hourly: Mapping[str, DataFrame], benchmark: str) -> dict[str, float]:
    import numpy as np
    import pandas as pd

    from perpkit.market.correlation import rolling_correlation

    closes = pd.DataFrame({pair: each.set_index("date")["close"] for pair, each in hourly.items()})
    if benchmark not in closes:
        return {}
    returns = pd.DataFrame(np.log(closes)).diff()
    known = returns[benchmark].to_numpy()
    return {
        pair: 1.0
        if pair == benchmark
        else float(rolling_correlation(returns[pair].to_numpy(), known)[-1])
        for pair in hourly
    }


def _table(
    contracts: Sequence[ContractTerms], alone: Sequence[LeastOrder], others: Sequence[LeastOrder]
) -> Table:
    rows = []
    for contract, made, beside in zip(contracts, alone, others, strict=True):
        traded = bool(made.notional)
        rows.append(
            (
                contract.pair,
                f"{contract.least:.2f}",
                f"{made.wanted / made.leverage:.2f}" if traded else "-",
                f"{made.leverage:g}x" if traded else "-",
                f"{made.notional:.2f}" if traded else "-",
                f"{made.cut:.0%}" if traded else "-",
                made.reason or "in full" if traded else f"dropped: {made.reason}",
                f"{beside.notional:.2f}" if beside.notional else f"no: {beside.reason}",
            )
        )
    return Table(COLUMNS, tuple(rows))


def _judged(
    alone: Sequence[LeastOrder],
    others: Sequence[LeastOrder],
    least: Mapping[str, float | None],
    ratio: float,
    capital: str,
    words: str,
    table: Table,
) -> Finding:
    traded = [made for made in alone if made.notional]
    rounded = [made.pair for made in traded if made.cut > _ROUNDED]
    at_once = sum(bool(made.notional) for made in others)
    said = [f"{capital} trades {len(traded)} of {len(alone)} pairs, {at_once} at once"]
    said += [words] if words else []
    said += [f"rounding takes more than {_ROUNDED:.0%} of {', '.join(rounded)}"] if rounded else []
    if len(traded) == len(alone):
        return ok("; ".join(said), table)
    dropped = ", ".join(
        f"{pair} (from {need / ratio:.0f})" if need else f"{pair} (with no amount)"
        for pair, need in least.items()
    )
    said.append(f"dropped: {dropped}")
    fix = "take what is dropped from the whitelist, or trade with as much as is named there"
    make = warn if traded else fail
    return make("; ".join(said), fix, table)

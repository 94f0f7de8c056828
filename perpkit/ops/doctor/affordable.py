"""Computes what an amount of capital can trade in a contract, with the strategy's own sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

from perpkit.risk.exposure import Between, ExposureLimits, Holding, Limit, PlannedEntry
from perpkit.risk.leverage import LeverageLimit, choose_leverage, volatility_leverage
from perpkit.risk.liquidation import MaintenanceTiers
from perpkit.risk.sizing import (
    Basis,
    SizingRule,
    Terms,
    floor_to_step,
    least_notional,
    size,
)
from perpkit.risk.stops import EntryStop, stop_distance

# The search for the capital that is needed ends here.
_MOST_CAPITAL = 1e9
# Freqtrade raises a stake to the smallest one, if that is at most this many times as much.
_RAISED = 1.3
_NO_STEP = 1e-12


@dataclass(frozen=True)
class ContractTerms:
    """What a contract demands of an order.

    :param price: in stake currency
    :param step: of amounts, in base currency
    :param least_amount, least_cost: minimum of an order, in base and stake currency; None for none
    :param most_amount: maximum of a market order, in base currency; None for none
    :param range_24h, atr, vol_annual: of the newest closed candle, NaN if they are not known
    """

    pair: str
    price: float
    step: float
    least_amount: float | None
    least_cost: float | None
    most_amount: float | None
    tiers: MaintenanceTiers
    range_24h: float = nan
    atr: float = nan
    vol_annual: float = nan

    @property
    def least(self) -> float:
        """The smallest order, rounded up to the step, in stake currency."""
        wanted = max(self.least_cost or 0.0, (self.least_amount or 0.0) * self.price)
        below = floor_to_step(wanted / self.price, self.step) * self.price
        return below if below >= wanted else below + self.step * self.price


@dataclass(frozen=True)
class Sizing:
    """The rules of a strategy that sizes its entries by `perpkit.risk`.

    :param kelly_cap: the largest factor by which Kelly may raise the risk
    :param liquidation: whether leverage must keep liquidation well beyond the stop
    :param slots: `max_open_trades`
    :param fixed_stake: the largest margin of an entry: `stake_amount`, if it is a number
    """

    leverage: LeverageLimit
    stop: EntryStop
    rule: SizingRule
    limits: ExposureLimits
    kelly_cap: float
    liquidation: bool
    slots: float
    fixed_stake: float = inf


@dataclass(frozen=True)
class FixedStake:
    """The rules of Freqtrade, if it sizes the entries by itself.

    :param stake: `stake_amount`; None for "unlimited"
    :param reserve: the factor by which Freqtrade raises the exchange's smallest order for the stop
    """

    stake: float | None
    leverage: float
    slots: float
    reserve: float


@dataclass(frozen=True)
class LeastOrder:
    """An order that the capital allows.

    :param notional: as it would be sent, rounded down to the step; 0 if there is none
    :param wanted: the notional before rounding
    :param distance: to the stop, as a fraction of the price
    :param reason: why there is none, or what has reduced it
    """

    pair: str
    notional: float
    wanted: float = 0.0
    leverage: float = 1.0
    distance: float = 0.0
    reason: str = ""

    @property
    def cut(self) -> float:
        """The share that is lost to rounding."""
        return 1 - self.notional / self.wanted if self.wanted else 0.0

    @property
    def holding(self) -> Holding:
        """The order as a position that was just opened."""
        margin = self.notional / self.leverage
        return Holding(self.pair, self.notional, self.notional * self.distance, margin)


def order(
    contract: ContractTerms,
    equity: float,
    sizing: Sizing | FixedStake,
    between: Between,
    held: Sequence[Holding] = (),
) -> LeastOrder:
    """Returns a long entry at full confidence that no breaker restricts.

    :param equity: of the account, in stake currency
    :param held: positions that are already open
    """
    if equity <= 0:
        return LeastOrder(contract.pair, 0.0, reason="there is no money")
    if len(held) >= sizing.slots:
        return LeastOrder(contract.pair, 0.0, reason="max_open_trades")
    free = equity - sum(holding.margin for holding in held)
    if isinstance(sizing, FixedStake):
        return _fixed(contract, equity, free, sizing)
    return _sized(contract, equity, free, sizing, between, held)


def needed(
    contract: ContractTerms, equity: float, sizing: Sizing | FixedStake, between: Between
) -> float | None:
    """Returns the least equity above this with which the contract trades alone, or None."""
    low = high = equity
    while not order(contract, high, sizing, between).notional:
        low, high = high, max(2 * high, 1.0)
        if high > _MOST_CAPITAL:
            return None
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        if order(contract, middle, sizing, between).notional:
            high = middle
        else:
            low = middle
    return high


def _sized(
    contract: ContractTerms,
    equity: float,
    free: float,
    sizing: Sizing,
    between: Between,
    held: Sequence[Holding],
) -> LeastOrder:
    distance = stop_distance(sizing.stop, contract.price, contract.atr)
    if distance is None:
        return LeastOrder(contract.pair, 0.0, reason="its average true range is not known")
    leverage, refused = _leverage(contract, equity, distance, sizing)
    if refused:
        return LeastOrder(contract.pair, 0.0, reason=refused)
    least = least_notional(contract.least_cost, contract.least_amount, contract.price)
    most = min(free, (contract.most_amount or inf) * contract.price / leverage)
    terms = Terms(
        price=contract.price,
        amount_step=contract.step,
        min_stake=least / leverage,
        max_stake=most,
        vol_annual=contract.vol_annual,
        fixed_stake=sizing.fixed_stake,
    )
    entry = PlannedEntry(contract.pair, False, distance, leverage)
    found = size(sizing.rule, sizing.limits, equity, held, entry, terms, between)
    wanted, reason = found.stake * leverage, found.reason
    if found.limit is Limit.MINIMUM:
        # Its reason is about what is left after rounding to the step, which may be nothing.
        freely = terms._replace(amount_step=_NO_STEP, min_stake=0.0)
        uncut = size(sizing.rule, sizing.limits, equity, held, entry, freely, between)
        step = contract.step * contract.price
        reason = f"wants {uncut.stake * leverage:.2f} in steps of {step:.2f}, least {least:.2f}"
    sent = floor_to_step(wanted / contract.price, contract.step) * contract.price
    return LeastOrder(contract.pair, sent, wanted, leverage, distance, reason)


def _leverage(
    contract: ContractTerms, equity: float, distance: float, sizing: Sizing
) -> tuple[float, str]:
    """Returns the leverage that the strategy chooses, or why it refuses."""
    maximum = contract.tiers.rows[0].max_leverage
    if not sizing.liquidation:
        return float(int(volatility_leverage(sizing.leverage, contract.range_24h, maximum))), ""
    stake = equity
    if sizing.rule.basis is not Basis.VOLATILITY:
        stake = min(equity, equity * sizing.rule.risk_per_trade * sizing.kelly_cap / distance)
    chosen = choose_leverage(
        sizing.leverage,
        contract.tiers,
        stake=stake,
        stop_distance=distance,
        is_short=False,
        range_24h=contract.range_24h,
        breaker_cap=maximum,
    )
    return chosen.leverage or 0.0, "" if chosen.leverage else chosen.reason


def _fixed(contract: ContractTerms, equity: float, free: float, sizing: FixedStake) -> LeastOrder:
    pair, leverage = contract.pair, sizing.leverage
    stake = sizing.stake
    if stake is None:
        stake = equity / sizing.slots if isfinite(sizing.slots) else free
    if stake > free:
        return LeastOrder(
            pair, 0.0, reason=f"a stake of {stake:.2f} is more than the {free:.2f} left"
        )
    least = max(
        (contract.least_cost or 0.0) * sizing.reserve,
        (contract.least_amount or 0.0) * contract.price * 1.05,
    )
    reason = ""
    if stake * leverage < least:
        if stake * leverage * _RAISED < least or least / leverage > free:
            words = f"order of {stake * leverage:.2f} is below the smallest of {least:.2f}"
            return LeastOrder(pair, 0.0, reason=words)
        reason = f"raised from {stake * leverage:.2f} to the smallest order"
        stake = least / leverage
    wanted = stake * leverage
    sent = floor_to_step(wanted / contract.price, contract.step) * contract.price
    if not sent:
        return LeastOrder(pair, 0.0, reason=f"one step is {contract.step * contract.price:.2f}")
    return LeastOrder(pair, sent, wanted, leverage, 0.0, reason)


def together(
    contracts: Sequence[ContractTerms],
    equity: float,
    sizing: Sizing | FixedStake,
    between: Between,
) -> list[LeastOrder]:
    """Returns an order for each contract, with those before it open as far as possible."""
    held: list[Holding] = []
    found = []
    for contract in contracts:
        made = order(contract, equity, sizing, between, held)
        found.append(made)
        if made.notional:
            held.append(made.holding)
    return found

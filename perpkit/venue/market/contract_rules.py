"""Makes instruments from name, price and turnover, with filters on record or scaled ones."""

from __future__ import annotations

from dataclasses import replace

from perpkit.venue.market.instruments import ContractType, Instrument
from perpkit.venue.market.limits import ContractLimits, on_grids, scaled
from perpkit.venue.market.recorded_contracts import RECORDED
from perpkit.venue.market.underlyings import Underlying, underlying_of

# Maximum absolute funding rate of one settlement, by base asset and by kind of underlying.
_CAPS = {"BTC": 0.003, "ETH": 0.003}
_TRADFI_CAPS = {Underlying.COMMODITY: 0.005}
_TRADFI_CAP, _CAP = 0.01, 0.02


def instrument(
    base: str,
    price: float,
    turnover: float,
    *,
    quote: str = "USDT",
    delivery: str = "",
    funding_hours: int = 8,
    grids: tuple[float, float] | None = None,
) -> Instrument:
    """The contract as the exchange has it, or would list it at this price and daily turnover.

    Perpetuals in `RECORDED` have the filters on record, with other bounds of the price where
    `price` is not well within them. Perpetuals on shares, metals and indices of shares are
    `TRADIFI_PERPETUAL`.

    :param price: current price, quote asset
    :param turnover: turnover of an ordinary day, quote asset; 0 where none is on record
    :param delivery: "YYMMDD" of a dated contract
    :param grids: tick and step of stored prices and quantities, if any. They replace scaled ones,
        and those on record where they are finer
    :raises ValueError: naming the parameter
    """
    underlying = underlying_of(base)
    limits = scaled(price, turnover, tradfi=underlying.tradfi)
    kinds: tuple[str, ...] = ()
    recorded = None if delivery else RECORDED.get(f"{base}/{quote}")
    if recorded is not None:
        limits, kinds = _around(recorded.limits, limits, price), recorded.kinds
        grids = grids and (min(grids[0], limits.tick_size), min(grids[1], limits.step_size))
    if grids is not None:
        limits = on_grids(limits, *grids)
    return Instrument(
        base,
        limits.tick_size,
        limits.step_size,
        limits.min_notional,
        funding_hours,
        _funding_cap(base, underlying),
        quote=quote,
        contract_type=_contract_type(underlying, delivery),
        delivery=delivery,
        max_quantity=limits.max_quantity,
        max_market_quantity=limits.max_market_quantity,
        min_price=limits.min_price,
        max_price=limits.max_price,
        liquidation_fee=limits.liquidation_fee,
        price_precision=limits.price_precision,
        bound=limits.bound,
        underlying=underlying,
        kinds=kinds,
    )


def _around(recorded: ContractLimits, own: ContractLimits, price: float) -> ContractLimits:
    """`recorded`, with wider bounds where `price` is near them, as prices of the past can be."""
    if 2 * recorded.min_price <= price <= recorded.max_price / 2:
        return recorded
    return replace(recorded, min_price=recorded.tick_size, max_price=own.max_price)


def _contract_type(underlying: Underlying, delivery: str) -> ContractType:
    if delivery:
        return ContractType.CURRENT_QUARTER
    return ContractType.TRADIFI_PERPETUAL if underlying.tradfi else ContractType.PERPETUAL


def _funding_cap(base: str, underlying: Underlying) -> float:
    if underlying.tradfi:
        return _TRADFI_CAPS.get(underlying, _TRADFI_CAP)
    return _CAPS.get(base, _CAP)

"""Contracts whose filters are on record, as `exchangeInfo` returned them.

The exchange rarely changes limits and precisions: most rows date from March 2024; BTC, ETH, XAU and
1000SATS from September 2026. Ticks and steps that have changed since are today's.
"""

from __future__ import annotations

from dataclasses import dataclass

from perpkit.venue.market.limits import ContractLimits


@dataclass(frozen=True)
class Recorded:
    """:param kinds: the exchange's categories of the contract (`underlyingSubType`)"""

    limits: ContractLimits
    kinds: tuple[str, ...] = ()


def _row(
    tick: float,
    precision: int,
    step: float,
    lots: tuple[float, float],
    prices: tuple[float, float],
    fee: float,
    bound: float,
    kind: str,
    *,
    notional: float = 5.0,
) -> Recorded:
    """:param lots: largest limit order and largest market order, base asset
    :param prices: minimum and maximum price, quote asset
    """
    return Recorded(
        ContractLimits(tick, precision, step, notional, *lots, *prices, fee, bound),
        (kind,) if kind else (),
    )


# By BASE/QUOTE, because the contracts in either quote asset have filters of their own.
RECORDED = {
    "BTC/USDT": _row(
        0.1, 2, 0.001, (1_000, 120), (556.8, 4_529_764), 0.0125, 0.05, "PoW", notional=50
    ),
    "ETH/USDT": _row(
        0.01, 2, 0.001, (10_000, 2_000), (39.86, 306_177), 0.0125, 0.05, "Layer-1", notional=20
    ),
    "BNB/USDT": _row(0.01, 3, 0.01, (100_000, 2_000), (6.6, 100_000), 0.015, 0.05, "Layer-1"),
    "SOL/USDT": _row(0.01, 4, 0.01, (1_000_000, 5_000), (0.42, 6_857), 0.015, 0.05, "Layer-1"),
    "XRP/USDT": _row(
        0.0001, 4, 0.1, (10_000_000, 2_000_000), (0.0143, 100_000), 0.01, 0.05, "Payment"
    ),
    "LTC/USDT": _row(0.01, 2, 0.001, (10_000, 5_000), (3.61, 100_000), 0.015, 0.05, "PoW"),
    "ADA/USDT": _row(0.0001, 5, 1.0, (2_000_000, 300_000), (0.0174, 20_000), 0.01, 0.05, "Layer-1"),
    "DOGE/USDT": _row(0.00001, 6, 1.0, (50_000_000, 30_000_000), (0.00244, 30), 0.01, 0.1, "Meme"),
    "TRX/USDT": _row(
        0.00001, 5, 1.0, (10_000_000, 5_000_000), (0.00132, 20_000), 0.01, 0.05, "Layer-1"
    ),
    "ATOM/USDT": _row(0.001, 3, 0.01, (100_000, 20_000), (0.251, 100_000), 0.0175, 0.1, "Layer-1"),
    "ONT/USDT": _row(0.0001, 4, 0.1, (1_000_000, 250_000), (0.0241, 100_000), 0.01, 0.1, "Layer-1"),
    "IOTA/USDT": _row(
        0.0001, 4, 0.1, (1_000_000, 200_000), (0.0205, 100_000), 0.01, 0.1, "Layer-1"
    ),
    "BAT/USDT": _row(
        0.0001, 4, 0.1, (1_000_000, 600_000), (0.0134, 100_000), 0.01, 0.1, "Infrastructure"
    ),
    "VET/USDT": _row(
        0.000001, 6, 1.0, (10_000_000, 2_500_000), (0.00208, 2_000), 0.01, 0.05, "Layer-1"
    ),
    "NEO/USDT": _row(0.001, 3, 0.01, (100_000, 10_000), (1.093, 100_000), 0.01, 0.05, "Layer-1"),
    "TRB/USDT": _row(0.001, 3, 0.1, (1_000_000, 2_000), (1.23, 5_138), 0.015, 0.3, "Oracle"),
    "RUNE/USDT": _row(0.001, 4, 1.0, (10_000_000, 50_000), (0.172, 839), 0.01, 0.1, "DEX"),
    "SUSHI/USDT": _row(0.0001, 4, 1.0, (10_000_000, 25_000), (0.143, 1_301), 0.01, 0.1, "DEX"),
    "EGLD/USDT": _row(0.01, 3, 0.1, (1_000_000, 2_000), (1.77, 14_295), 0.015, 0.1, "Layer-1"),
    "ICX/USDT": _row(0.0001, 4, 1.0, (10_000_000, 300_000), (0.0234, 400), 0.015, 0.1, "Layer-1"),
    "KEY/USDT": _row(
        0.000001, 7, 1.0, (80_000_000, 11_000_000), (0.000001, 200), 0.015, 0.15, "Infrastructure"
    ),
    "COMBO/USDT": _row(
        0.0001, 6, 0.1, (5_000_000, 82_000), (0.0001, 2_000), 0.015, 0.15, "Metaverse"
    ),
    "NMR/USDT": _row(0.01, 6, 0.1, (1_000_000, 6_000), (0.01, 2_000), 0.02, 0.15, "DeFi"),
    "MAV/USDT": _row(0.0001, 7, 1.0, (5_000_000, 120_000), (0.0001, 200), 0.015, 0.15, "DeFi"),
    "MDT/USDT": _row(
        0.00001, 7, 1.0, (50_000_000, 1_300_000), (0.00001, 200), 0.015, 0.15, "Infrastructure"
    ),
    "XVG/USDT": _row(
        0.000001, 7, 1.0, (500_000_000, 15_000_000), (0.000001, 200), 0.015, 0.15, "PoW"
    ),
    "WLD/USDT": _row(0.0001, 7, 1.0, (1_250_000, 10_000), (0.0001, 200), 0.015, 0.15, "AI"),
    "VANRY/USDT": _row(0.00001, 7, 1.0, (10_000_000, 300_000), (0.00001, 200), 0.015, 0.15, ""),
    "BOME/USDT": _row(0.000001, 7, 1.0, (200_000_000, 1_000_000), (0.000001, 200), 0.015, 0.15, ""),
    "ETHFI/USDT": _row(0.001, 7, 0.1, (1_000_000, 30_000), (0.001, 2_000), 0.015, 0.15, "DeFi"),
    "1000SATS/USDT": _row(
        1e-8, 8, 1.0, (60_000_000_000, 6_000_000_000), (1e-8, 1), 0.015, 0.15, ""
    ),
    "XAU/USDT": _row(0.01, 2, 0.001, (10_000, 1_000), (0.01, 200_000), 0.015, 0.02, "TradFi"),
    "ETH/USDC": _row(0.01, 2, 0.001, (8_000, 700), (0.01, 100_000), 0.0125, 0.05, "", notional=20),
    "AVAX/USDC": _row(0.001, 6, 0.01, (100_000, 10), (0.001, 2_000), 0.015, 0.1, ""),
    "WLD/USDC": _row(0.00001, 7, 0.1, (1_000_000, 1_000), (0.0001, 200), 0.015, 0.15, ""),
    "1000SHIB/USDC": _row(
        0.000001, 7, 1.0, (800_000_000, 10_000), (0.000001, 2_000), 0.015, 0.1, ""
    ),
}

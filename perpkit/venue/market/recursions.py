"""First-order recursions over an array: the loops that numpy has no expression for."""

from __future__ import annotations

import numpy as np

from perpkit.venue.market.candles import Floats


def ar1(shocks: Floats, phi: float) -> Floats:
    """x[t] = phi * x[t-1] + shocks[t], from x[-1] = 0."""
    out = []
    x = 0.0
    for shock in shocks.tolist():
        x = phi * x + shock
        out.append(x)
    return np.array(out)


def ou(noise: Floats, sd: float, phi: float) -> Floats:
    """Mean-reverting noise whose standard deviation settles at `sd`."""
    return ar1(noise * (sd * (1 - phi * phi) ** 0.5), phi)


def garch(noise: Floats, alpha: float, persistence: float, cap: float) -> Floats:
    """Conditional variance of GARCH(1,1) with mean 1, driven by unit-variance noise.

    The variance at t depends on the noise before t only. `cap` bounds it, because with fat-tailed
    noise its own moments need not exist.
    """
    beta, omega = persistence - alpha, 1 - persistence
    out = (beta + alpha * noise * noise).tolist()
    h = 1.0
    for i, growth in enumerate(out):
        out[i] = h
        h = omega + growth * h
        if h > cap:  # twice as fast as min()
            h = cap
    return np.array(out)


def persistence(half_life: float, step: float = 1.0) -> float:
    """The fraction left after one `step` of a quantity that halves every `half_life`."""
    return float(0.5 ** (step / half_life))

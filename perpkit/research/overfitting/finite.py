"""What all tests of returns ask of them: numbers, and enough of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def finite(returns: ArrayLike, least: int = 1) -> NDArray[np.float64]:
    """Returns them as an array.

    :param returns: shape (periods,) or (periods, series)
    :param least: number of periods
    :raises ValueError: for fewer, and for values that are not finite
    """
    values = np.asarray(returns, dtype=float)
    if not values.ndim or len(values) < least or not values.size:
        raise ValueError(
            f"returns must have at least {least} periods, got the shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("returns must be finite numbers")
    return values

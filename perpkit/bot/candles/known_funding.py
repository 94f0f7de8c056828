"""What the funding rates of the pairs say, made once for all who read them.

The breakers and the columns of the strategy ask for the same rates, one after the other, and at a
settlement all pairs have new ones.
"""

from __future__ import annotations

import pandas as pd

from perpkit.market.asof import ReadingArrays
from perpkit.market.funding import DEFAULT_RULE, FundingRule, funding_arrays
from perpkit.market.times import dates_at

NO_RATES = pd.DataFrame({"date": dates_at([]), "funding_rate": pd.Series(dtype=float)})


class KnownFunding:
    """The readings by `DEFAULT_RULE`, each valid while a feed returns the same rates.

    Those of another rule have one reader, and a search of parameters brings many: none is held.
    """

    def __init__(self) -> None:
        # One entry for each pair of the feed, which holds the same rates.
        self._held: dict[str, tuple[pd.DataFrame, ReadingArrays]] = {}

    def readings(
        self, pair: str, rates: pd.DataFrame, rule: FundingRule = DEFAULT_RULE
    ) -> ReadingArrays:
        """Returns the columns of `market.funding` as they became known.

        :param rates: of the pair, as the feed returns them, read-only
        :raises ValueError: as `funding_arrays`
        """
        if rule != DEFAULT_RULE:
            return funding_arrays(rates, rule)
        known = self._held.get(pair)
        if known is None or known[0] is not rates:
            known = self._held[pair] = rates, funding_arrays(rates)
        return known[1]

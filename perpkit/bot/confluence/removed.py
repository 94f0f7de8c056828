"""Open trades of sources that the configuration does not have any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from freqtrade.persistence import LocalTrade

from perpkit.bot.confluence.found import WHERE
from perpkit.signals.combining import named_in, owners_of


def removed_sources(trades: Iterable[LocalTrade], known: Collection[str]) -> str:
    """Returns a warning that names the open trades whose sources are not all there, and what
    becomes of them; empty if there are none.

    :param known: the names of the sources that the configuration has, those that are off included
    """
    missing: dict[str, None] = {}
    orphans, kept = [], []
    for trade in trades:
        gone = [name for name in named_in(trade.enter_tag) if name not in known]
        missing |= dict.fromkeys(gone)
        if not gone:
            continue
        if owners := owners_of(trade.enter_tag, known):
            kept.append(f"{trade.pair} of {', '.join(gone)} is left to {', '.join(owners)}")
        else:
            orphans.append(f"{trade.pair} of {', '.join(gone)}")
    if not missing:
        return ""
    said = [f"Open trades name sources that are not in {WHERE}"]
    if orphans:
        said.append(
            f"{'; '.join(orphans)}: under the strategy's own stop and target, closed by an exit "
            "signal of any source"
        )
    said += kept
    said.append(f'To manage them as before, put {", ".join(missing)} back with "enabled": false')
    return f"{'. '.join(said)}."

"""Checks the age of the leverage tiers from which liquidation prices and sizes are computed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.version import Version

from perpkit.files.contents import content_of, json_of
from perpkit.market.exchanges import facts_of
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, ok, warn

# The exchange changes tiers of small contracts often, of the large ones once or twice a year.
OLD = timedelta(days=270)
# Freqtrade fetches those of other exchanges again after four weeks.
_MOST_BYTES = 2**26
_CACHED = timedelta(weeks=4)


def check(context: Context) -> Iterator[Finding]:
    config = context.config
    if not facts_of(config["exchange"].get("name")).keeps_orders:
        yield _cached(context)
        return
    if not context.bot.dry_run:
        yield ok("Live: Freqtrade fetches the leverage tiers of the account as it starts")
        return
    from importlib import metadata

    version = metadata.version("freqtrade")
    year, month = Version(version).release[:2]
    age = context.now - datetime(year, month, 1, tzinfo=UTC)
    words = f"Leverage tiers of dry-run and backtests are those of Freqtrade {version}"
    if age > OLD:
        yield warn(
            f"{words}, {age.days // 30} months old: liquidation prices and leverage may be others "
            "at the exchange",
            "pip install --upgrade 'perpkit[tested]'",
        )
        return
    yield ok(words)


def _cached(context: Context) -> Finding:
    stake = context.config.get("stake_currency")
    path = Path(context.config["datadir"]) / "futures" / f"leverage_tiers_{stake}.json"
    if not path.is_file():
        return ok("No leverage tiers are kept yet: Freqtrade fetches them as it starts")
    try:
        kept = json_of(content_of(path, _MOST_BYTES), str(path))
        updated = datetime.fromisoformat(kept["updated"])
        age = context.now - updated.astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        return warn(
            f"The leverage tiers in {path} cannot be read: {error!r}",
            f"rm {path}: Freqtrade fetches them as it starts",
        )
    if age > _CACHED:
        return warn(
            f"The leverage tiers in {path} are {age.days} days old",
            f"rm {path}: Freqtrade fetches them as it starts",
        )
    return ok(f"Leverage tiers of {updated:%Y-%m-%d}, in {path}")

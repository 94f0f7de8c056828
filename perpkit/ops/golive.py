"""`perpkit golive`: whether a strategy may trade real money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.ops.bot_config import BotConfig, load_strategy, read_config
from perpkit.ops.bot_files import Config, Userdir, errors
from perpkit.ops.golive_evidence import Sources, gather, read, with_strategy
from perpkit.ops.results_input import Balance, Datadir, DataFormat, Input
from perpkit.ops.results_input import as_json as json_of
from perpkit.ops.stored import BadInputError, config_words
from perpkit.record.trade_database import DatabaseError
from perpkit.record.urls import TO_FILE

# pandas and scipy load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.golive.band import Band
    from perpkit.golive.criteria import Criteria
    from perpkit.golive.judging import Row
    from perpkit.ops.golive_evidence import Judged
    from perpkit.record.golive import Bound, Horizon

# In the place of the criteria that were not met.
NOT_JUDGED = "not judged"


def golive(
    config: Config = None,
    userdir: Userdir = None,
    live: Annotated[
        Path | None,
        typer.Option(metavar="DB", help="The bot's trade database. Default: the config's."),
    ] = None,
    backtest: Annotated[
        Path | None,
        typer.Option(
            metavar="EXPORT", help="Its backtest, from long before the bot began until it ended."
        ),
    ] = None,
    rehearsal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The record that a live rehearsal's venue has signed."),
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Default: the config's.")] = None,
    datadir: Datadir = None,
    data_format: DataFormat = "feather",
    starting_balance: Balance = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the exchange about the key.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Judge whether a strategy may trade real money, and sign the verdict.

    Each criterion is shown as measured against required. A live bot trades only with a verdict that
    it may, on this strategy, these parameters and this configuration as they are now. It exits
    with 1 when a criterion is not met; then an earlier verdict no longer counts, nor where the
    evidence cannot be judged. What cannot be read (exit code 2) leaves an earlier one as it is.
    """
    with errors(ValueError, DatabaseError, OSError):
        from perpkit.ops.verdict import check_can_judge

        check_can_judge()
        bot = read_config(config, userdir)
        loaded = _loaded(bot, strategy)
        given = Input(datadir, list(bot.files), data_format, starting_balance)
        with _saying_what_stays(bot, loaded):
            database = live if live is not None else _database(bot)
            sources = Sources(bot, loaded, given, database, backtest, rehearsal, offline)
            bound, known = _bound(loaded), read(sources)
        now = datetime.now(UTC)
        with _withdrawing(sources, known.criteria, bound, now):
            from perpkit.golive.judging import judge

            found = gather(known, bound)
            rows = judge(found.criteria, found.evidence, now)
        failed = tuple(row.name for row in rows if not row.passed)
        path = _sign(sources, found.criteria, failed, bound, now, found.bands)
    passed = all(row.passed for row in rows)
    if as_json:
        document = {
            "strategy": sources.name,
            "kind": found.kind,
            "passed": passed,
            "criteria": [asdict(row) for row in rows],
            "verdict": str(path),
        }
        print(json_of(document))
    else:
        _print(sources.name, found, rows, path)
    if not passed:
        raise typer.Exit(1)


def _loaded(bot: BotConfig, name: str | None) -> Any:
    config = with_strategy(bot.config, name)
    with _one_line(f"strategy {config['strategy']} cannot be loaded"):
        return load_strategy(config)


def _bound(strategy: Any) -> Bound:
    from perpkit.bot.binding import binding

    with _one_line("config cannot be used"):
        return binding(strategy)


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Turns any error, also one of a strategy's own code, into one line."""
    try:
        yield
    except Exception as error:
        words = " ".join(config_words(error).split())
        raise BadInputError(f"{what}: {words[:300]}") from None


def _database(bot: BotConfig) -> Path:
    from sqlalchemy.engine import make_url

    url = make_url(bot.db_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BadInputError(
            f"live must be given: the bot's database is not a file; copy it into one: {TO_FILE}"
        )
    return Path(url.database)


@contextmanager
def _saying_what_stays(bot: BotConfig, strategy: Any) -> Iterator[None]:
    """Adds to the error of what cannot be read that an earlier verdict still counts.

    A mistake on the command line, or a damaged file, says nothing of a strategy.
    """
    from perpkit.record.golive import golive_file
    from perpkit.record.golive import read as read_verdict

    path = golive_file(bot.config, type(strategy).__name__)
    try:
        yield
    except (ValueError, DatabaseError, OSError) as error:
        try:
            earlier = read_verdict(path)
        except ValueError:  # there is none that counts
            raise error from None
        if not earlier.passed:
            raise
        raise BadInputError(
            f"{error}. Nothing was judged, and the verdict of {earlier.at:%Y-%m-%d %H:%M} UTC "
            "counts as before"
        ) from None
    except Exception:  # what nothing here foresees says nothing of what was given
        _remove(path)
        raise


@contextmanager
def _withdrawing(
    sources: Sources, criteria: Criteria, bound: Bound, now: datetime
) -> Iterator[None]:
    """Replaces an earlier verdict where the evidence is there and cannot be judged."""
    try:
        yield
    except Exception as error:
        _sign(sources, criteria, (NOT_JUDGED,), bound, now)
        if not isinstance(error, ValueError | DatabaseError | OSError):
            raise
        raise BadInputError(
            f"{error}. It cannot be judged, and an earlier verdict no longer counts"
        ) from None


def _sign(
    sources: Sources,
    criteria: Criteria,
    failed: tuple[str, ...],
    bound: Bound,
    now: datetime,
    bands: Sequence[Band] = (),
) -> Path:
    from perpkit.ops.operator import operator
    from perpkit.record.golive import Horizon, Verdict, golive_file, write
    from perpkit.record.machine_key import machine_key_made

    key, path = machine_key_made(), golive_file(sources.bot.config, sources.name)
    digests = bound.digests(key)
    verdict = Verdict(
        strategy=sources.name,
        passed=not failed,
        failed=failed,
        at=now,
        until=now + timedelta(days=criteria.valid_days),
        by=operator(),
        bound=digests,
        band=tuple(Horizon(**band._asdict()) for band in bands) or _known_band(path, digests),
    )
    try:
        write(path, verdict, key)
    except OSError as error:
        _remove(path)  # an earlier one must not count in the place of this one
        raise BadInputError(f"the verdict cannot be written to {path}: {error.strerror}") from None
    return path


def _known_band(path: Path, bound: Mapping[str, str]) -> tuple[Horizon, ...]:
    """Returns the band of an earlier verdict on the same, for the performance monitor."""
    from perpkit.record.golive import read as read_verdict

    try:
        earlier = read_verdict(path)
    except ValueError:
        return ()
    return earlier.band if earlier.bound == bound else ()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise BadInputError(
            f"neither can the verdict be written to {path}, nor the earlier one be removed, which "
            f"may still count: {error.strerror}"
        ) from None


def _print(name: str, found: Judged, rows: Sequence[Row], path: Path) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console

    table = Table("", "measured", "required", "", "", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        word = "passed" if row.passed else "NOT PASSED"
        table.add_row(row.name, row.measured, row.required, word, row.reason)
    console = wide_console()
    console.print(table)
    failed = [row.name for row in rows if not row.passed]
    kind = f"{name}, {found.kind}"
    if failed:
        console.print(f"{kind}: may NOT trade real money. Not passed: {', '.join(failed)}.")
    else:
        days = f"{found.criteria.valid_days:g}"
        console.print(f"{kind}: may trade real money, as it is now, for {days} days: {path}")

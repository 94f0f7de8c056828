"""`perpkit data`: positioning data for backtests and for the running bot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.checks import shown
from perpkit.files.contents import content_of
from perpkit.files.errors import FileError, one_line
from perpkit.market.exchanges import DEFAULT_EXCHANGE
from perpkit.ops.data_coverage import coverage, print_coverage
from perpkit.ops.progress import progress

# pandas, ccxt and rich load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.market.metrics_file import PairReadings

data = typer.Typer(
    help="Long/short ratios, taker flow and open interest: download, import, coverage.",
    no_args_is_help=True,
)

# What the configuration says here is read before Freqtrade checks it.
_READ_HERE = (
    ("exchange", dict, "an object"),
    ("datadir", str, "the path of a folder"),
    ("user_data_dir", str, "the path of a folder"),
)

Datadir = Annotated[
    Path | None,
    typer.Option(help="Freqtrade data directory; the config's, or user_data/data/binance."),
]
Config = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", help="Freqtrade configuration; may be repeated."),
]
Pairs = Annotated[
    str, typer.Option(help="Such as 'BTC/USDT:USDT ETH/USDT:USDT'; the config's by default.")
]
More = Annotated[list[str] | None, typer.Argument(metavar="[PAIRS]", help="More pairs.")]


@data.command()
def download(
    pairs: Pairs = "",
    more: More = None,
    days: Annotated[float, typer.Option(help="Back from now; Binance keeps 30, OKX 5 to 30.")] = 30,
    period: Annotated[str, typer.Option(help="5m 15m 30m 1h 2h 4h 6h 12h or 1d.")] = "1h",
    datadir: Datadir = None,
    config: Config = None,
) -> None:
    """Fetch what the store lacks from the exchange; can be stopped and run again at any point.

    It exits with 1 when the exchange refused some of the pairs: the others are complete.
    """
    from perpkit.bot.positioning.download import download as fetch
    from perpkit.bot.positioning.paced import DownloadError
    from perpkit.bot.positioning.sources import positioning_source
    from perpkit.market.store import BusyError
    from perpkit.rehearsal.datadir_mark import before_filling
    from perpkit.rehearsal.redirection import venue_url

    with _errors(ValueError, DownloadError, BusyError):
        settings = _load(config)
        target = _datadir(datadir, settings)
        wanted = _pairs(pairs, more, settings)
        client = positioning_source(settings.get("exchange", {}))
        with _no_empty_folder(target), progress() as show:
            before_filling(target, venue_url(settings))
            done = fetch(
                client,
                target,
                wanted,
                period,
                days,
                lambda p: show(p.page, p.pages, f"{p.pair} {p.added} new readings"),
            )
        client.close()
    for pair, reason in done.refused.items():
        typer.echo(f"Error: {one_line(f'{pair} was refused: {reason}')}", err=True)
    counts = f"{done.added} new readings of {len(wanted) - len(done.refused)} pairs ({period})"
    refused = f"; {len(done.refused)} refused" if done.refused else ""
    typer.echo(f"{counts} in {target}{refused}")
    if done.lacking:
        named = ", ".join(f"{pair} {lacks}" for pair, lacks in sorted(done.lacking.items()))
        typer.echo(
            f"{sum(done.lacking.values())} readings that were asked for do not exist at the "
            f"exchange, or not in full ({named}). Every run asks for them again: it may publish "
            "them late."
        )
    if done.refused:
        raise typer.Exit(1)


@data.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="metrics .zip or .csv, or .feather.")],
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Take days that end early, and rows that are there twice, as the exchange's own.",
        ),
    ] = False,
    datadir: Datadir = None,
    config: Config = None,
) -> None:
    """Take files into the store: all of them, or none when one is refused."""
    from perpkit.market import store
    from perpkit.rehearsal.redirection import venue_url

    with _errors(ValueError, OSError, store.BusyError):
        settings = _load(config)
        target = _datadir(datadir, settings)
        now = datetime.now(UTC)
        parsed = [each for path in files for each in _parse(path, now, as_published)]
        parts: dict[tuple[str, str], list[DataFrame]] = {}
        for each in parsed:
            parts.setdefault((each.pair, each.period), []).append(each.readings)
        joined = {name: store.joined(parts[name]) for name in sorted(parts)}
        for (pair, period), readings in joined.items():
            # Both raise before the first write for what `merge` would refuse.
            store.check(readings, period, f"readings of {pair}")
            store.read(target, pair, period)
        _before_import(target, venue_url(settings))
        for (pair, period), readings in joined.items():
            merged = store.merge(target, pair, period, readings)
            typer.echo(f"{pair} {period}: {merged.added} new readings, {merged.changed} changed")


@data.command()
def archive(
    since: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d", "%Y%m%d"], help="The first day (UTC).")
    ],
    pairs: Pairs = "",
    more: More = None,
    url: Annotated[str, typer.Option(help="Of a server laid out as the exchange's archive.")] = "",
    datadir: Datadir = None,
    config: Config = None,
) -> None:
    """Fetch daily files from the exchange's archive, verify their checksums, and import them."""
    from perpkit.market.store import BusyError
    from perpkit.ops.archive import BASE_URL, Archive, ArchiveError, fill
    from perpkit.ops.exchange import must_be_binance
    from perpkit.rehearsal.datadir_mark import before_filling
    from perpkit.rehearsal.redirection import is_loopback

    with _errors(ValueError, ArchiveError, BusyError):
        settings = _load(config)
        must_be_binance(settings.get("exchange", {}).get("name", DEFAULT_EXCHANGE))
        target = _datadir(datadir, settings)
        wanted = _pairs(pairs, more, settings)
        server = Archive(url or BASE_URL)
        with _no_empty_folder(target), progress() as show:
            before_filling(target, url if is_loopback(url) else None)
            filled = fill(
                server,
                target,
                wanted,
                since.date(),
                datetime.now(UTC),
                lambda p: show(p.file, p.files, p.pair),
            )
        server.close()
    for message in filled.refused:
        typer.echo(f"Error: {one_line(message)}", err=True)
    typer.echo(
        f"{filled.added} new readings from {filled.files} files in {target}; "
        f"{filled.absent} days are not in the archive, {len(filled.refused)} files were refused"
    )
    if filled.refused:
        raise typer.Exit(1)


@data.command()
def status(
    datadir: Datadir = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """What is stored, from when to when, and where readings are missing."""
    from perpkit.market import store
    from perpkit.ops.stored import say_if_marked

    with _errors(ValueError):
        target = _datadir(datadir, _load(config))
    say_if_marked(target)
    rows = [coverage(target, pair, period) for pair, period in store.stored(target)]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    elif rows:
        print_coverage(rows)
    else:
        typer.echo(f"No positioning data in {target / store.FOLDER}")
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def _before_import(datadir: Path, venue: str | None) -> None:
    """Marks the directory for a venue's configuration; otherwise only reports an existing mark.

    The files themselves do not show whether they come from a venue.
    """
    from perpkit.ops.stored import say_if_marked
    from perpkit.rehearsal.datadir_mark import before_filling

    if venue is None:
        say_if_marked(datadir)
    else:
        before_filling(datadir, venue)


def _parse(path: Path, now: datetime, published: bool) -> list[PairReadings]:
    from perpkit.files import feather
    from perpkit.market.metrics_file import MOST_BYTES, parse_csv, parse_zip
    from perpkit.market.ratio_file import parse_feather

    match path.suffix:
        case ".zip":
            content = content_of(path, MOST_BYTES)
            return [parse_zip(content, str(path), now, published=published)]
        case ".csv":
            content = content_of(path, MOST_BYTES)
            return [parse_csv(content, str(path), now, published=published)]
        case ".feather":
            return parse_feather(content_of(path, feather.MOST_BYTES), str(path), now)
        case _:
            raise FileError(f"{path}: must end in .zip, .csv or .feather")


def _load(files: list[Path] | None) -> dict[str, Any]:
    if not files:
        return {}
    from perpkit.bot.loading.rehearsal_guard import check_overlay
    from perpkit.ops.bot_config import merged_files

    config = merged_files(files)
    for name, kind, what in _READ_HERE:
        if not isinstance(config.get(name, kind()), kind):
            raise ValueError(f"{name} must be {what}, got {shown(config[name])}")
    check_overlay(config, {})  # Freqtrade's environment is not read here
    return config


def _datadir(given: Path | None, config: dict[str, Any]) -> Path:
    """Returns the data directory, by Freqtrade's rules if none is given."""
    user_data = Path(config.get("user_data_dir", "user_data"))
    default = user_data / "data" / config.get("exchange", {}).get("name", DEFAULT_EXCHANGE)
    return given or Path(config.get("datadir", default))


def _pairs(text: str, more: list[str] | None, config: dict[str, Any]) -> list[str]:
    names = [*text.replace(",", " ").split(), *(more or [])]
    names = names or config.get("exchange", {}).get("pair_whitelist", [])
    if not names:
        raise ValueError("pairs must be named, here or in the config's pair_whitelist")
    return list(dict.fromkeys(names))


@contextmanager
def _no_empty_folder(datadir: Path) -> Iterator[None]:
    """Removes the folders that a download has made where it has then stored nothing."""
    from perpkit.market.store import FOLDER, LOCKS
    from perpkit.rehearsal.datadir_mark import FILE

    beside = {datadir / FOLDER: LOCKS, datadir: (FILE,)}
    made = [f for f in (*beside, *datadir.parents) if not f.exists()]
    try:
        yield
    finally:
        for folder in made:  # the innermost first
            own = {folder / name for name in beside.get(folder, ())}
            if folder.is_dir() and {*folder.iterdir()} <= own:
                for path in own:
                    path.unlink(missing_ok=True)
                folder.rmdir()


@contextmanager
def _errors(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        typer.echo(f"Error: {one_line(str(error))}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("Stopped. What was fetched is kept; run it again to go on.", err=True)
        raise typer.Exit(130) from None

"""The exchange's public archive: daily positioning files, checked against their checksums."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential

from perpkit.checks import shown
from perpkit.durations import DAY
from perpkit.files.errors import FileError, one_line
from perpkit.market import store
from perpkit.market.metrics_file import MOST_BYTES, PERIOD, pair_of, parse_zip
from perpkit.market.store import PERIODS
from perpkit.record.urls import shown_url

BASE_URL = "https://data.binance.vision"
FIRST_DAY = date(2020, 9, 1)  # of the oldest files
_FOLDER = "/data/futures/um/daily/metrics"
_ATTEMPTS = 5  # 1, 2, 4, 8 s between them
_AT_ONCE = 4
_BATCH = 32  # files fetched before each write to the store


class ArchiveError(RuntimeError):
    """The archive does not answer, or a file does not match its checksum; the message names it."""


class _TemporaryError(Exception):
    pass


@dataclass(frozen=True)
class ImportProgress:
    """The progress of an import.

    :param file: how many files have been looked for so far
    :param files: how many files are looked for in all
    """

    pair: str
    file: int
    files: int


@dataclass
class Filled:
    """The result of an import.

    :param files: how many files were stored
    :param added: how many readings are new
    :param absent: how many files the archive does not have
    :param refused: the reason for each file that was refused
    """

    files: int = 0
    added: int = 0
    absent: int = 0
    refused: list[str] = field(default_factory=list)


class Archive:
    """A client of the public archive.

    :param url: of a server laid out like the exchange's archive
    :param sleep: waits for the given number of seconds
    :raises ValueError: for a URL of no server
    """

    def __init__(self, url: str = BASE_URL, sleep: Callable[[float], None] = time.sleep) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL:
            base = httpx.URL()
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError(f"url must be like {BASE_URL}, got {shown_url(url)!r}")
        # Messages have the URL; a password does not belong into them.
        auth = (base.username, base.password) if base.userinfo else None
        bare = base.copy_with(userinfo=b"")
        self._http = httpx.Client(base_url=bare, auth=auth, timeout=30, follow_redirects=True)
        self._sleep = sleep

    def close(self) -> None:
        self._http.close()

    def fetch(self, symbol: str, day: date) -> bytes | None:
        """Returns the zip file of a day as published, or None if the archive has none.

        :raises ArchiveError: if it cannot be fetched, or does not match its checksum
        """
        name = file_name(symbol, day)
        path = f"{_FOLDER}/{symbol}/{name}"
        told = self._get(f"{path}.CHECKSUM")
        content = None if told is None else self._get(path)
        if told is None or content is None:
            return None
        expected = told.split()[0].decode("latin-1").lower() if told.split() else "nothing"
        expected = one_line(expected[: 2 * hashlib.sha256().digest_size])
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise ArchiveError(f"{name}: sha256 is {found}, {name}.CHECKSUM says {expected}")
        return content

    def _get(self, path: str) -> bytes | None:
        def once() -> bytes | None:
            with self._http.stream("GET", path) as answer:
                if answer.status_code == 429 or answer.status_code >= 500:
                    raise _TemporaryError(f"HTTP {answer.status_code}")
                if answer.status_code == 404:
                    return None
                answer.raise_for_status()
                content = b""
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise ArchiveError(
                            f"{answer.url}: must have at most {MOST_BYTES:,} bytes, has more"
                        )
                return content

        attempts = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, _TemporaryError)),
            wait=wait_exponential(multiplier=1),
            stop=stop_after_attempt(_ATTEMPTS),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(once)
        except (httpx.HTTPError, _TemporaryError) as error:
            raise ArchiveError(f"{self._http.base_url.join(path)}: {error}") from error


def file_name(symbol: str, day: date) -> str:
    return f"{symbol}-metrics-{day}.zip"


def fill(
    archive: Archive,
    datadir: Path,
    pairs: Sequence[str],
    since: date,
    now: datetime,
    told: Callable[[ImportProgress], None] = lambda _: None,
) -> Filled:
    """Stores the days from `since` on that are not complete in the store yet.

    A file that cannot be fetched or is refused is reported in `Filled.refused`, and the others are
    stored.

    :param told: called with the progress
    :raises ValueError: for an invalid argument, naming it and what is allowed
    :raises StoreError: if a stored file is not positioning data
    """
    if not FIRST_DAY <= since < now.date():
        last = now.date() - DAY
        raise ValueError(f"since must lie between {FIRST_DAY} and {last}, got {since}")
    plan = [(pair, _incomplete(datadir, pair, since, now.date())) for pair in pairs]
    files = sum(len(days) for _, days in plan)
    filled, looked_for = Filled(), 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for pair, days in plan:
            symbol = archived_symbol(pair)
            for start in range(0, len(days), _BATCH):
                told(ImportProgress(pair, looked_for, files))
                batch = days[start : start + _BATCH]
                contents = pool.map(lambda day, s=symbol: _fetched(archive, s, day), batch)
                _keep(datadir, pair, batch, list(contents), now, filled)
                looked_for += len(batch)
    told(ImportProgress(pairs[-1] if pairs else "", files, files))
    return filled


def archived_symbol(pair: str) -> str:
    """Returns the archive's name of a pair, such as BTCUSDT.

    :raises ValueError: if it is not a pair such as BTC/USDT:USDT
    """
    symbol = pair.partition(":")[0].replace("/", "")
    try:
        if pair_of(symbol) == pair:
            return symbol
    except ValueError:
        pass
    raise ValueError(f"pairs must be like BTC/USDT:USDT, got {shown(pair)}")


def _incomplete(datadir: Path, pair: str, since: date, until: date) -> list[date]:
    """Returns the days in [since, until) for which the store lacks readings."""
    archived_symbol(pair)
    days = [since + n * DAY for n in range((until - since).days)]
    stored = store.read(datadir, pair, PERIOD)
    if stored is None:
        return days
    # The last reading of a day has the timestamp of the following midnight.
    readings = (stored["date"] - PERIODS[PERIOD]).dt.date.value_counts()
    return [day for day in days if readings.get(day, 0) < DAY // PERIODS[PERIOD]]


def _fetched(archive: Archive, symbol: str, day: date) -> bytes | ArchiveError | None:
    try:
        return archive.fetch(symbol, day)
    except ArchiveError as error:
        return error


def _keep(
    datadir: Path,
    pair: str,
    days: Sequence[date],
    contents: Sequence[bytes | ArchiveError | None],
    now: datetime,
    filled: Filled,
) -> None:
    frames = []
    for day, content in zip(days, contents, strict=True):
        if content is None:
            filled.absent += 1
        elif isinstance(content, ArchiveError):
            filled.refused.append(str(content))
        else:
            name = file_name(archived_symbol(pair), day)
            try:
                parsed = parse_zip(content, name, now, published=True)
            except FileError as error:
                filled.refused.append(str(error))
                continue
            if parsed.pair != pair:
                filled.refused.append(f"{name}: holds readings of {parsed.pair}")
                continue
            frames.append(parsed.readings)
    if frames:
        filled.files += len(frames)
        filled.added += store.merge(datadir, pair, PERIOD, store.joined(frames)).added

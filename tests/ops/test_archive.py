"""Filling the store from the archive: verified, only what is missing, one bad file alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import httpx
import numpy as np
import pandas as pd
import pytest

from perpkit.market import store
from perpkit.market.metrics_file import MOST_BYTES
from perpkit.ops.archive import Archive, ArchiveError, archived_symbol, fill
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from tests.bench.damaged_files import PACKINGS
from tests.bench.damaged_files import zipped as zip_of

FIRST = datetime(2026, 6, 18, tzinfo=UTC)
NOW = FIRST + timedelta(days=12, hours=7)
SINCE = date(2026, 6, 20)
BTC = "BTC/USDT:USDT"
PATH = "/data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-{}.zip"


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class Bench:
    def __init__(self, market: Market, log: RequestLog, url: str, datadir) -> None:
        self.market, self.log, self.datadir = market, log, datadir
        self.waited: list[float] = []
        self.archive = Archive(url, self.waited.append)

    def fill(self, since: date = SINCE, pairs=(BTC,)):
        return fill(self.archive, self.datadir, pairs, since, NOW)

    def fails(self, kind: FaultKind, day: str, suffix: str = "", **options) -> None:
        self.market.faults.add(Fault(kind, endpoint=PATH.format(day) + suffix, **options))


@pytest.fixture(scope="module")
def history():
    return generate(seed=3, start=ms(FIRST), days=14, pairs=(BTC, "SOL/USDT:USDT"))


@pytest.fixture
def bench(history, tmp_path):
    market, log = Market(history, VirtualClock(ms(NOW)), seed=3), RequestLog()
    with running_venue(market, app=create_app(market, log=log)) as url:
        bench = Bench(market, log, url, tmp_path)
        yield bench
        bench.archive.close()


def test_days_become_readings_at_the_time_they_were_taken(bench):
    filled = bench.fill(pairs=(BTC, "SOL/USDT:USDT"))
    assert (filled.files, filled.added, filled.absent, filled.refused) == (20, 20 * 288, 0, [])
    frame = store.read(bench.datadir, BTC, "5m")
    # Ten days, five labelled by the end of the period and five by its start, without a seam.
    assert frame["date"].iloc[0] == pd.Timestamp("2026-06-20 00:05", tz="UTC")
    assert frame["date"].iloc[-1] == pd.Timestamp("2026-06-30", tz="UTC")
    assert (frame["date"].diff().dropna() == timedelta(minutes=5)).all()
    start, end = (ms(frame["date"].iloc[row].to_pydatetime()) for row in (0, -1))
    _, ratios = bench.market.readings(
        "BTCUSDT", "long_short_ratio", "5m", start=start, end=end, limit=5000
    )
    np.testing.assert_allclose(frame["long_short_ratio"], ratios, atol=1e-8)


def test_only_incomplete_days_are_fetched(bench):
    bench.fill(date(2026, 6, 25))
    frame = store.read(bench.datadir, BTC, "5m").drop(index=[300])
    frame.reset_index(drop=True).to_feather(store.path_of(bench.datadir, BTC, "5m"))
    before = bench.log.total
    filled = bench.fill(date(2026, 6, 24))
    assert (filled.files, filled.added) == (2, 289)
    assert bench.log.total - before == 4  # with their checksums
    assert bench.fill(date(2026, 6, 24)).files == 0


def test_a_day_that_is_not_there_is_counted(bench):
    filled = bench.fill(date(2026, 6, 16))
    assert (filled.files, filled.absent) == (12, 2)


def test_a_file_damaged_on_its_way_is_refused_and_the_others_are_kept(bench):
    bench.fails(FaultKind.MALFORMED, "2026-06-22")
    filled = bench.fill()
    assert filled.files == 9
    (message,) = filled.refused
    assert message.startswith("BTCUSDT-metrics-2026-06-22.zip: sha256 is ")
    assert "BTCUSDT-metrics-2026-06-22.zip.CHECKSUM says " in message


@pytest.mark.parametrize("suffix", ["", ".CHECKSUM"])
def test_what_passes_is_waited_for(bench, suffix):
    bench.fails(FaultKind.SERVER_ERROR, "2026-06-22", suffix, times=2)
    bench.fails(FaultKind.RESET, "2026-06-23", suffix, times=1)
    bench.fails(FaultKind.TRUNCATED, "2026-06-24", suffix, times=1)
    bench.fails(FaultKind.RATE_LIMITED, "2026-06-25", suffix, times=1)
    assert bench.fill().files == 10
    assert sorted(bench.waited) == [1, 1, 1, 1, 2]


def test_what_does_not_pass_is_reported(bench):
    bench.fails(FaultKind.SERVER_ERROR, "2026-06-22")
    filled = bench.fill()
    assert filled.files == 9
    assert "BTCUSDT-metrics-2026-06-22.zip: HTTP 503" in filled.refused[0]
    assert sorted(bench.waited) == [1, 2, 4, 8]


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("day.csv", text)
    return buffer.getvalue()


class Served(Archive):
    """An archive of one file."""

    def __init__(self, content: bytes, checksum: str | None = None) -> None:
        super().__init__()
        self._answers = {"": content, ".CHECKSUM": checksum}
        if checksum is None:
            self._answers[".CHECKSUM"] = f"{hashlib.sha256(content).hexdigest()}  day.zip\n"
        self._answers[".CHECKSUM"] = self._answers[".CHECKSUM"].encode()

    def _get(self, path: str) -> bytes:
        return self._answers[".CHECKSUM" if path.endswith(".CHECKSUM") else ""]


@pytest.mark.parametrize("checksum", ["", "   \n", "0" * 64, "not a checksum"])
def test_a_checksum_that_does_not_fit_refuses_the_file(checksum):
    archive = Served(b"content", checksum)
    with pytest.raises(ArchiveError, match=r"2026-06-22.zip: sha256 is .* says"):
        archive.fetch("BTCUSDT", date(2026, 6, 22))


HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)


def test_what_was_published_broken_is_refused_by_line(tmp_path):
    row = "2026-06-29 00:05:00,BTCUSDT,1,1,1,1,1,1\n"
    archive = Served(zipped(HEADER + row + row.replace(",1\n", ",2\n")))
    filled = fill(archive, tmp_path, [BTC], date(2026, 6, 29), NOW)
    (message,) = filled.refused
    assert message.startswith("BTCUSDT-metrics-2026-06-29.zip: day.csv: line 3: column create_time")
    assert store.stored(tmp_path) == []


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_damaged_member_is_refused_and_named(tmp_path, packing):
    """With a checksum that fits: it was published so."""
    text = HEADER + "".join(f"2026-06-29 00:{n:02}:00,BTCUSDT,1,1,1,1,1,1\n" for n in (5, 10))
    whole = zip_of(text.encode(), packing)
    # The last bytes only say that an lzma stream ends.
    for at in range(39, whole.index(b"PK\x01\x02") - 12, 11):
        damaged = whole[:at] + b"\xff\xff\xff" + whole[at + 3 :]
        filled = fill(Served(damaged), tmp_path, [BTC], date(2026, 6, 29), NOW)
        (message,) = filled.refused
        assert message.startswith("BTCUSDT-metrics-2026-06-29.zip: ")
        assert "\n" not in message
    assert store.stored(tmp_path) == []


@pytest.mark.parametrize("packing", [packing for packing in PACKINGS if packing != "stored"])
def test_an_archive_that_becomes_too_large_is_refused(tmp_path, packing):
    served = Served(zip_of(bytes(20_000_000), packing))
    (message,) = fill(served, tmp_path, [BTC], date(2026, 6, 29), NOW).refused
    assert message.endswith("day.csv must have at most 1,048,576 bytes unpacked, has more")


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Archive:
    archive = Archive("http://archive.test")
    transport = httpx.MockTransport(answer)
    archive._http = httpx.Client(base_url="http://archive.test", transport=transport)
    return archive


@pytest.mark.parametrize("packed", [False, True])
def test_no_more_is_downloaded_than_a_day_can_have(packed):
    """Not even if a few bytes, packed on their way, would become more."""
    body = bytes(2 * MOST_BYTES)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    content = gzip.compress(body) if packed else body
    archive = answering(lambda _: httpx.Response(200, headers=headers, content=content))
    with pytest.raises(ArchiveError, match=r"CHECKSUM: must have at most 1,048,576 bytes"):
        archive.fetch("BTCUSDT", date(2026, 6, 29))
    archive.close()


@pytest.mark.parametrize("url", ["x", "http://", "http://[::1", "file:///etc", "ftp://me:hidden@x"])
def test_what_is_no_server_is_named(url):
    with pytest.raises(
        ValueError, match=r"url must be like https://data\.binance\.vision"
    ) as raised:
        Archive(url)
    assert "hidden" not in str(raised.value)


def test_a_password_of_the_server_is_sent_and_not_shown():
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"])
        return httpx.Response(403)

    archive = Archive("http://me:hidden@archive.test")
    archive._http._transport = httpx.MockTransport(answer)
    with pytest.raises(ArchiveError, match="403 Forbidden") as raised:
        archive.fetch("BTCUSDT", date(2026, 6, 29))
    archive.close()
    assert sent == [httpx.BasicAuth("me", "hidden")._auth_header]
    assert "hidden" not in str(raised.value)


def test_a_symbol_in_chinese_is_a_url():
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(404)

    archive = answering(answer)
    assert archive.fetch(archived_symbol("币安人生/USDT:USDT"), date(2026, 6, 29)) is None
    archive.close()
    name = b"%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"
    path = b"/data/futures/um/daily/metrics/%b/%b-metrics-2026-06-29.zip.CHECKSUM"
    assert asked == [path % (name, name)]


def test_days_of_one_batch_keep_each_others_values(tmp_path):
    """Since 2026-06-25 the end of one file may be in the next one as well, with other values."""
    rows = ("2026-06-24 00:05:00,BTCUSDT,1,1,,1,1,1\n", "2026-06-24 00:05:00,BTCUSDT,2,,5,1,1,1\n")
    served = [Served(zipped(HEADER + row)) for row in rows]
    archive = Archive()
    archive.fetch = lambda symbol, day: served[day.day - 28].fetch(symbol, day)
    filled = fill(archive, tmp_path, [BTC], date(2026, 6, 28), NOW.replace(day=30))
    assert (filled.files, filled.added) == (2, 1)
    frame = store.read(tmp_path, BTC, "5m")
    found = frame[["open_interest", "open_interest_value", "top_accounts_ratio"]]
    assert found.to_numpy().tolist() == [[2, 1, 5]]


def test_a_day_that_the_exchange_has_in_part_is_kept(tmp_path):
    archive = Served(zipped(HEADER + "2026-06-24 00:05:00,BTCUSDT,1,1,1,1,1,1\n"))
    filled = fill(archive, tmp_path, [BTC], date(2026, 6, 29), NOW)
    assert (filled.added, filled.refused) == (1, [])


def test_readings_of_another_pair_are_refused(tmp_path):
    archive = Served(zipped(HEADER + "2026-06-29 00:05:00,ETHUSDT,1,1,1,1,1,1\n"))
    filled = fill(archive, tmp_path, [BTC], date(2026, 6, 29), NOW)
    assert filled.refused == ["BTCUSDT-metrics-2026-06-29.zip: holds readings of ETH/USDT:USDT"]


@pytest.mark.parametrize("since", [date(2020, 8, 31), NOW.date(), date(2027, 1, 1)])
def test_a_bad_date_is_named(tmp_path, since):
    with pytest.raises(ValueError, match=f"since must lie between 2020-09-01 .* got {since}"):
        fill(Served(b""), tmp_path, [BTC], since, NOW)


@pytest.mark.parametrize("pair", ["BTC", "BTCUSDT", "BTC/USDT", "BTC/USD:BTC", "/USDT:USDT"])
def test_a_bad_pair_is_named(tmp_path, pair):
    with pytest.raises(ValueError, match=f"pairs must be like BTC/USDT:USDT, got '{pair}'"):
        fill(Served(b""), tmp_path, [pair], SINCE, NOW)


def test_symbols():
    assert archived_symbol("1000PEPE/USDT:USDT") == "1000PEPEUSDT"


def test_a_day_is_there_some_hours_after_its_end(history, tmp_path):
    for hours, absent in ((5, 1), (6, 0)):
        now = FIRST + timedelta(days=3, hours=hours)
        market = Market(history, VirtualClock(ms(now)), seed=3)
        with running_venue(market) as url:
            archive = Archive(url)
            filled = fill(archive, tmp_path / str(hours), [BTC], date(2026, 6, 20), now)
            archive.close()
        assert (filled.files, filled.absent) == (1 - absent, absent)

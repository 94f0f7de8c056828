"""The exchange's public archive of daily positioning: one zip per day and its checksum."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime

import numpy as np
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from perpkit.durations import DAY_MS
from perpkit.venue.http.statistics import TOP_ACCOUNTS, TOP_POSITIONS
from perpkit.venue.market.candles import INTERVALS_MS
from perpkit.venue.market.market import Market

_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
)
_STEP = INTERVALS_MS["5m"]
_PUBLISHED_AFTER = DAY_MS // 4
# From this day on rows are stamped with the start of their five minutes, before it with the end;
# see `market.metrics_file`.
_LABELLED_BY_START = 1_782_345_600_000  # 2026-06-25T00:00Z
_NAME = re.compile(r"(?P<symbol>\w+)-metrics-(?P<day>\d{4}-\d\d-\d\d)\.zip(?P<told>\.CHECKSUM)?")


def archive_router(market: Market) -> APIRouter:
    """Routes that serve the days of `market` that ended at least six hours ago."""
    router = APIRouter()

    @router.get("/data/futures/um/daily/metrics/{symbol}/{name}")
    async def metrics(symbol: str, name: str) -> Response:
        match = _NAME.fullmatch(name)
        if match is None or match["symbol"] != symbol or symbol not in market.symbols:
            raise HTTPException(404)
        try:
            day = datetime.fromisoformat(match["day"]).replace(tzinfo=UTC)
        except ValueError:
            raise HTTPException(404) from None
        start = int(day.timestamp() * 1000)
        rows = _rows(market, symbol, start)
        if not rows or start + DAY_MS + _PUBLISHED_AFTER > market.now():
            raise HTTPException(404)
        stem = f"{symbol}-metrics-{match['day']}"
        content = _zipped(f"{stem}.csv", _HEADER + "".join(rows))
        if match["told"]:
            digest = hashlib.sha256(content).hexdigest()
            return Response(f"{digest}  {stem}.zip\n", media_type="text/plain")
        return Response(content, media_type="application/zip")

    return router


def _rows(market: Market, symbol: str, start: int) -> list[str]:
    """CSV rows of the readings after the midnight `start` (ms), up to and including the next."""
    series = {
        what: market.readings(
            symbol, what, "5m", start=start + _STEP, end=start + DAY_MS, limit=DAY_MS // _STEP
        )
        for what in ("open_interest", "long_short_ratio", "taker_ratio")
    }
    times = series["open_interest"][0]
    if not len(times):
        return []
    interest, crowd, taker = (values for _, values in series.values())
    marks = market.mark_at(symbol, times)
    shown = times - (_STEP if start >= _LABELLED_BY_START else 0)
    return [
        f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S},{symbol},"
        + ",".join("" if np.isnan(value) else f"{value:.8f}" for value in values)
        + "\n"
        for time, *values in zip(
            shown.tolist(),
            interest,
            interest * marks,
            crowd**TOP_ACCOUNTS,
            crowd**TOP_POSITIONS,
            crowd,
            taker,
            strict=True,
        )
    ]


def _zipped(name: str, text: str) -> bytes:
    """A zip whose bytes are the same at every call, because the checksum is taken of them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, text)
    return buffer.getvalue()

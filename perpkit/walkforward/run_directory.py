"""The directory of a run: what was asked, and one folder a window, each written whole.

```
request.json                       what was asked
windows/003/result.json            window, parameters, trades, epochs; written last
windows/003/out_of_sample.feather  equity of the test: date, equity
windows/003/in_sample.feather      equity of the training, if parameters were optimised
windows/003/trials.feather         daily returns of each epoch: date, 1, 2, ...
```
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perpkit.files.contents import content_of, json_of
from perpkit.files.errors import FileError
from perpkit.files.feather import MOST_BYTES, frame_of, sealed
from perpkit.files.whole_file import put
from perpkit.market.times import dates_of
from perpkit.walkforward.record import Epoch, Request, Run, Sample, Window, WindowResult

REQUEST = "request.json"
_RESULT = "result.json"
_OUT, _IN, _TRIALS = "out_of_sample.feather", "in_sample.feather", "trials.feather"
_LONGEST = timedelta(weeks=1)

Content = Mapping[str, bytes]


def folder_of(directory: Path, number: int) -> Path:
    return directory / "windows" / f"{number:03}"


def is_done(directory: Path, number: int) -> bool:
    return (folder_of(directory, number) / _RESULT).is_file()


def write_request(directory: Path, request: Request) -> None:
    put(directory / REQUEST, _json(asdict(request)))


def read_request(directory: Path) -> Request:
    """
    :raises FileError: if it is damaged, or of another layout
    :raises OSError: if there is none
    """
    path = directory / REQUEST
    found = json_of(content_of(path, MOST_BYTES), str(path))
    with _reading(path, "the request of a walk-forward"):
        if found["layout"] != Request.layout:
            raise FileError(f"{path}: layout must be {Request.layout}, got {found['layout']}")
        windows = tuple(_window(one) for one in found["windows"])
        given = {field.name: found[field.name] for field in fields(Request)}
        return Request(
            **{
                **given,
                "windows": windows,
                "pairs": tuple(found["pairs"]),
                "spaces": tuple(found["spaces"]),
            }
        )


def content_of_result(result: WindowResult) -> dict[str, bytes]:
    """Returns the files of a window by name."""
    files = {_OUT: _equity(result.out_of_sample)}
    if result.in_sample is not None:
        files[_IN] = _equity(result.in_sample)
    if len(result.trials):
        dated = result.trials.rename(columns=str).rename_axis("date").reset_index()
        files[_TRIALS] = sealed(dated)
    document = {
        "window": asdict(result.window),
        "parameters": result.parameters,
        "chosen": result.chosen,
        "out_of_sample": _sample(result.out_of_sample),
        "in_sample": None if result.in_sample is None else _sample(result.in_sample),
        "epochs": [asdict(epoch) for epoch in result.epochs],
    }
    return {**files, _RESULT: _json(document)}


def write_result(directory: Path, number: int, content: Content) -> None:
    """Writes the files of a window; it counts as done only when the last one is there.

    :param content: from `content_of_result`
    :raises OSError: if that fails
    """
    folder = folder_of(directory, number)
    for name in sorted(content, key=lambda name: name == _RESULT):
        put(folder / name, content[name])


def read_result(directory: Path, window: Window) -> WindowResult:
    """
    :param window: of the request
    :raises FileError: if a file of it is damaged, missing, or of another window
    :raises OSError: if one cannot be read
    """
    folder = folder_of(directory, window.number)
    try:
        result = _read_result(folder)
        if other := _of_another(result, window):
            raise FileError(
                f"{folder / other}: must be of window {window.number}, "
                f"{window.test_start:%Y-%m-%d} to {window.test_end:%Y-%m-%d}, is of another one"
            )
    except (FileError, FileNotFoundError) as error:
        why = str(error)
        if isinstance(error, FileNotFoundError):
            why = f"{error.filename}: must be there, is missing"
        raise FileError(f"{why}; remove the folder, and the same command computes it") from error
    return result


def _read_result(folder: Path) -> WindowResult:
    path = folder / _RESULT
    found = json_of(content_of(path, MOST_BYTES), str(path))
    with _reading(path, "the result of a window"):
        within = found["in_sample"]
        result = WindowResult(
            window=_window(found["window"]),
            parameters=found["parameters"],
            out_of_sample=_read_sample(found["out_of_sample"], folder / _OUT),
            in_sample=None if within is None else _read_sample(within, folder / _IN),
            chosen=found["chosen"],
            epochs=tuple(map(_epoch, found["epochs"])),
            trials=_read_trials(folder / _TRIALS) if found["epochs"] else pd.DataFrame(),
        )
        if {epoch.number for epoch in result.epochs} != {*result.trials.columns}:
            raise ValueError(f"epochs must be those of {_TRIALS}")
    return result


def read_run(directory: Path) -> Run:
    """Returns a run as far as it has got.

    :raises FileError: if a file of it is damaged, or in another window's folder
    :raises OSError: if there is none
    """
    request = read_request(directory)
    done = (window for window in request.windows if is_done(directory, window.number))
    return Run(request, tuple(read_result(directory, window) for window in done))


def plain_trades(trades: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Returns trades of a backtest as they are read back from a file."""
    return tuple(plain(list(trades)))


def difference(one: Request, other: Request) -> str | None:
    """Returns what of two requests differs, in words; None if nothing does."""
    return _difference(plain(asdict(one)), plain(asdict(other)), "")


def _difference(one: Any, other: Any, at: str) -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            found = _difference(one.get(name), other.get(name), f"{at}.{name}".strip("."))
            if found:
                return found
        return None
    return None if one == other else f"{at} was {one!s:.80}, and is {other!s:.80}"


def _sample(sample: Sample) -> dict[str, Any]:
    return {"starting_balance": sample.starting_balance, "trades": list(sample.trades)}


def _equity(sample: Sample) -> bytes:
    values = sample.equity.to_numpy(dtype=np.float64)
    return sealed(pd.DataFrame({"date": dates_of(sample.equity.index), "equity": values}))


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Raises FileError for all that content of another kind leads to."""
    try:
        yield
    except FileError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise FileError(f"{path}: must be {what}: {error!r}") from error


def _read_sample(found: Mapping[str, Any], path: Path) -> Sample:
    frame = frame_of(content_of(path, MOST_BYTES), str(path))
    with _reading(path, "equity by date"):
        dates = dates_of(frame["date"]).rename(None)
        equity = pd.Series(frame["equity"].to_numpy(dtype=np.float64), dates, name="equity")
    sample = Sample(float(found["starting_balance"]), tuple(found["trades"]), equity)
    if any(trade.closed is None for trade in sample.closed):
        raise ValueError("trades must be closed")
    return sample


def _read_trials(path: Path) -> pd.DataFrame:
    frame = frame_of(content_of(path, MOST_BYTES), str(path))
    with _reading(path, "daily returns of epochs"):
        trials = frame.drop(columns="date").set_index(dates_of(frame["date"]).rename(None))
        return trials.rename(columns=int)


def _of_another(result: WindowResult, window: Window) -> str | None:
    """Returns the file that is of another window, or of other days; None if there is none."""
    if result.window != window:
        return _RESULT
    if not _spans(result.out_of_sample, window.test_start, window.test_end):
        return _OUT
    within = result.in_sample
    if within is None:
        return None
    if not _spans(within, window.train_start, window.train_end):
        return _IN
    return None if result.trials.index.equals(dates_of(within.daily.index)) else _TRIALS


def _spans(sample: Sample, start: datetime, end: datetime) -> bool:
    """Whether its candles are of these days.

    The first one may go on at the start, or be a later one, where those stored begin later. They
    may end anywhere, for data may have gaps, which Freqtrade does not fill at the end of a range.
    """
    times = sample.equity.index
    if times.empty:
        return False
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else _LONGEST
    # Of pandas before 3, a Timedelta in ms is lost in a sum with a datetime.
    return bool(start - pd.Timedelta(step).to_pytimedelta() < times[0] and times[-1] <= end)


def _epoch(found: Mapping[str, Any]) -> Epoch:
    loss = found["loss"]  # JSON has no nan and no infinity
    return Epoch(**{**found, "loss": float("inf") if loss is None else loss})


def _window(found: Mapping[str, Any]) -> Window:
    ends = {name: datetime.fromisoformat(found[name]) for name in found if name != "number"}
    return Window(number=found["number"], **ends)


def plain(value: Any) -> Any:
    """Returns a value as it is read back from JSON: dates as text, nan and infinity as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NaT or (isinstance(value, float) and not np.isfinite(value)):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _json(document: Any) -> bytes:
    return json.dumps(plain(document), indent=1, allow_nan=False).encode()

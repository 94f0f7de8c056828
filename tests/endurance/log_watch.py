"""What a bot logs: how much, what again and again, and exceptions that nothing has handled."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import ccxt
from freqtrade.exceptions import FreqtradeException

from perpkit.record.decisions import words_of

LOGGED = ("freqtrade", "perpkit", "tests.bench.wire")
# Of the exchange: a fault's own words, which Freqtrade passes on.
_EXPECTED = (ccxt.BaseError, FreqtradeException)
# What Freqtrade makes of a strategy's own error: a warning without its traceback.
_SWALLOWED = ("Strategy caused the following exception", "Unable to analyze candle (OHLCV) data")
_LONGEST = 160


class LogWatch(logging.Handler):
    """Counts lines by their words.

    An exception is unhandled when its traceback is logged, at any level, and it is no error that
    Freqtrade or ccxt raise to say what the exchange or the configuration has refused; and when
    Freqtrade has swallowed one of the strategy's.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s"))
        self.size = self.lines = 0
        self.levels: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.unhandled: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("perpkit.venue"):
            return
        text = self.format(record)
        self.lines += 1
        self.size += len(text.encode(errors="replace")) + 1
        self.levels[record.levelname] += 1
        words = words_of(record.getMessage())[:_LONGEST].replace("\n", " ")
        self.words[f"{record.name}: {words}"] += 1
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, _EXPECTED):
            self.unhandled[f"{record.name}: {type(error).__name__}: {words}"] += 1
        elif any(sentence in words for sentence in _SWALLOWED):
            self.unhandled[f"{record.name}: {words}"] += 1

    def crashed(self, error: BaseException) -> None:
        self.unhandled[f"the process ended: {words_of_error(error)}"] += 1


def words_of_error(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:_LONGEST]}"


@contextmanager
def listening() -> Iterator[LogWatch]:
    """Lines go to the watch alone."""
    watch, sources = LogWatch(), [logging.getLogger(name) for name in LOGGED]
    before = [(source.propagate, source.level) for source in sources]
    for source in sources:
        source.addHandler(watch)
        source.propagate = False
        source.setLevel(logging.INFO)
    try:
        yield watch
    finally:
        for source, (propagate, level) in zip(sources, before, strict=True):
            source.removeHandler(watch)
            source.propagate = propagate
            source.setLevel(level)

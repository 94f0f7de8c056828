"""Failures are swallowed, logged when new, and listed while they last."""

from __future__ import annotations

from datetime import datetime, timedelta

import ccxt
import pytest
import time_machine
from freqtrade.exceptions import TemporaryError

from perpkit.bot.live.trying import FailingStep, Trying
from tests.factories import START as NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def attempt(trying: Trying, what: str, error: Exception | None = None) -> datetime:
    with trying(what):
        if error is not None:
            raise error
    return datetime.now(NOW.tzinfo)


def test_a_failure_is_said_once_and_shown_until_it_succeeds(clock, caplog):
    trying = Trying()
    attempt(trying, "Reading", RuntimeError("no answer?signature=abc"))
    clock.shift(MINUTE)
    now = attempt(trying, "Reading", RuntimeError("still none"))
    assert trying.failing(now) == [FailingStep("Reading", "still none", NOW, now, 2)]
    assert caplog.messages == ["Reading failed: no answer"]
    attempt(trying, "Reading")
    assert trying.failing(now) == []
    attempt(trying, "Reading", RuntimeError("no answer"))
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [
        (KeyError("ours"), True),
        (ccxt.NetworkError("down"), False),
        (TemporaryError("refused"), False),
        # It may quote a signed request.
        (RuntimeError("GET /order?signature=abc"), False),
    ],
)
def test_only_an_error_that_is_not_expected_has_a_traceback(error, has_traceback, caplog):
    attempt(Trying(), "Reading", error)
    [record] = caplog.records
    assert bool(record.exc_info) is has_traceback
    assert "signature" not in caplog.text


def test_what_is_not_tried_any_more_does_not_fail(clock):
    trying = Trying()
    now = attempt(trying, "Leaving A", RuntimeError("no"))
    assert len(trying.failing(now + 59 * MINUTE)) == 1
    assert trying.failing(now + 60 * MINUTE) == []
    clock.shift(60 * MINUTE)
    now = attempt(trying, "Leaving B", RuntimeError("no"))
    assert [each.what for each in trying.failing(now)] == ["Leaving B"]

"""The bot of `benchmarks.webhook` is known by its start, as one of a user is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.webhook import EXAMPLE, configuration
from perpkit.ops.bot_config import read_config
from perpkit.ops.stop.rest import RestError
from tests.bench.recording_rest import recording_rest


def test_the_bot_of_the_benchmark_is_the_one_that_is_meant(tmp_path):
    with recording_rest() as (bot, rest):
        own = configuration(tmp_path, bot, rest.url)
        found = read_config([EXAMPLE, own], tmp_path, None)
        rest.check_identity(found)
        bot.started += timedelta(seconds=1)
        with pytest.raises(RestError, match="not this bot"):
            rest.check_identity(found)

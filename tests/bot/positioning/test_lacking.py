"""What the exchange does not have is counted, as the next run asks for it again."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from perpkit.bot.positioning.client import STATISTICS, PositioningClient
from perpkit.bot.positioning.download import download

NOW = datetime(2024, 1, 10, tzinfo=UTC)
BTC = "BTC/USDT:USDT"


class Client(PositioningClient):
    """Of an exchange that lacks some hours, all statistics or one."""

    def __init__(self, without: int, partly: int) -> None:
        self._without, self._partly = without, partly

    def symbols(self, pairs):
        return {pair: pair for pair in pairs}

    def now(self):
        return NOW

    def page(self, statistic, symbol, period, window):
        hours = pd.date_range(window.first, window.last, freq="1h")[self._without :]
        if statistic is STATISTICS[0]:
            hours = hours[self._partly :]
        return pd.DataFrame(dict.fromkeys(statistic.columns.values(), 1.5), index=hours)


@pytest.mark.parametrize(("without", "partly"), [(0, 0), (3, 0), (0, 2), (3, 2)])
def test_readings_that_do_not_exist_are_counted(tmp_path, without, partly):
    found = download(Client(without, partly), tmp_path, [BTC], "1h", 1)
    assert found.lacking == ({BTC: without + partly} if without + partly else {})

"""Charts by whole commands, as a user runs them; what is in them is held in tests/contract."""

from __future__ import annotations

import re
from contextlib import closing

import httpx
import pytest

from tests.bench.planted import API_PASSWORD, SWITCHED_OFF
from tests.bench.process import Process
from tests.bench.web import unused_port

pytestmark = pytest.mark.integration

PAIR = "ETH/USDT:USDT"
TIMERANGE = "20250201-20250301"


def columns_of(plot_config):
    groups = (plot_config["main_plot"], *plot_config["subplots"].values())
    return {column for group in groups for column in group}


def test_plot_dataframe(bot):
    result = bot(
        "plot-dataframe",
        f"--datadir={bot.datadir}",
        "--strategy=RsiSmaSwing",
        f"--pairs={PAIR}",
        f"--timerange={TIMERANGE}",
        "--no-trades",
    )
    assert "End of plotting process. 1 plots generated" in result.stdout, result.stdout[-3000:]
    page = (bot.userdir / "plot/freqtrade-plot-ETH_USDT_USDT-1h.html").read_text()
    drawn = set(re.findall(r'"name":"(\w+)"', page))
    assert drawn >= {"sma_20", "rsi", "funding_rate_8h", "planned_stop", "planned_target"}
    assert drawn >= {"breakers_long", "breakers_short", "long_short_rank"}


def test_the_webserver_answers_with_plot_config_columns_and_spells(bot):
    port = unused_port()
    api = {**SWITCHED_OFF["api_server"], "enabled": True, "listen_port": port}
    arguments = bot.arguments("webserver", f"--datadir={bot.datadir}", api_server=api)
    with closing(Process([*map(str, arguments)])) as process:
        process.wait_for("Uvicorn running")
        url, user = f"http://127.0.0.1:{port}/api/v1", (api["username"], API_PASSWORD)
        with httpx.Client(base_url=url, auth=user, timeout=120) as client:
            asked = {"strategy": "RsiSmaSwing"}
            plot = client.get("/plot_config", params=asked).raise_for_status().json()
            asked |= {"pair": PAIR, "timeframe": "1h", "timerange": TIMERANGE}
            history = client.get("/pair_history", params=asked).raise_for_status().json()
    assert {"sma_20", "rsi", "planned_stop", "breakers_long"} <= columns_of(plot)
    assert columns_of(plot) <= set(history["columns"])
    assert history["length"] > 600
    for column in columns_of(plot) - {"planned_stop", "planned_target"}:
        number = history["columns"].index(column)
        assert history["data"][-1][number] is not None or column == "long_short_rank"
    assert [area for area in history["annotations"] if "CryptoVixBreaker" in area["label"]]

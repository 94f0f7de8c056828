"""A real Prometheus scrapes `perpkit metrics` while a stock bot trades at the venue.

A target of its own, `make prometheus`: it needs the program (Debian: prometheus) and minutes. All
is on the loopback and in temporary folders. See tests/ops/metrics for the rest.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.bench.dashboard import queries
from tests.bench.in_process import STRATEGIES
from tests.bench.live import LIVE
from tests.bench.process import trading
from tests.cases import needs
from tests.conftest import REPOSITORY
from tests.integration.conftest import bot_at, present_venue

PAIR = "ETH/USDT:USDT"
FILES = REPOSITORY / "docker" / "prometheus"
SETTINGS = {
    **LIVE,
    "bot_name": "opener",
    "stake_amount": "unlimited",
    "exchange": {**LIVE["exchange"], "pair_whitelist": [PAIR]},
    "strategy_path": str(STRATEGIES),
}
MISSING = "" if shutil.which("prometheus") else "prometheus is not installed (Debian: prometheus)"
pytestmark = needs(MISSING)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextmanager
def running(*command: str | Path) -> Iterator[None]:
    with subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def until(holds: Callable[[], Any], seconds: float) -> Any:
    """Waits until something holds, and returns it; the last answer when time is up."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = holds()
        except OSError:  # it does not listen yet
            found = None
        if found or time.monotonic() > end:
            return found
        time.sleep(1)


class Prometheus:
    """:param port: of its API"""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, what: str, **given: str) -> Any:
        with urlopen(f"{self._url}/{what}?{urlencode(given)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, query: str) -> list[float]:
        found = self.ask("query", query=query)["result"]
        return [float(each["value"][1]) for each in found]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        return {rule["name"] for rule in self.rules() if rule["state"] == "firing"}


@contextmanager
def prometheus(folder: Path, exporter: int) -> Iterator[Prometheus]:
    """With the files of the repository, but every second, and scraping here."""
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FILES / "alerts.yml")]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{exporter}"]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    port = free_port()
    with running(
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ):
        yield Prometheus(port)


@pytest.mark.timeout(600)
def test_every_query_has_data_while_a_bot_runs_and_none_after_its_end(tmp_path, capsys):
    venue, port = present_venue(PAIR), free_port()
    with bot_at(venue, tmp_path, tmp_path) as bot:
        url = f"sqlite:///{bot.userdir}/trades.sqlite"
        exporter = [sys.executable, "-m", "perpkit.cli", "metrics", "--db-url", url]
        with (
            running(*exporter, "--port", str(port)),
            prometheus(tmp_path, port) as server,
        ):
            with trading(bot, "WatchedOpener", **SETTINGS, db_url=url) as process:
                process.wait_for("'type': entry_fill")
                without = until_all_have_data(server)
                assert without == [], without
                equity = server.values("perpkit_account_equity")
                assert equity == [pytest.approx(10_000, abs=100)]
                assert server.values("perpkit_stops_missing") == [0]
                rules = server.rules()
                assert [rule for rule in rules if rule["health"] != "ok"] == []
                firing = server.firing()
                time.sleep(20)  # of the entry itself nothing may fire
                assert firing | server.firing() == set()
                process.end(signal.SIGINT)
            # The file is there, and old: what it said is no figure of the present.
            assert until(lambda: server.values("perpkit_state_up == 0"), 90) == [0]
            silent = until(lambda: "BotSilent" in server.firing(), 90)
            assert silent
            assert server.values("perpkit_account_equity") == []
            assert server.values('perpkit_state_error{reason="stale"}') == [1]
            assert [rule for rule in server.rules() if rule["health"] != "ok"] == []
    with capsys.disabled():
        print(
            f"\n{len(queries())} queries with data, {len(rules)} rules without an error; equity "
            f"{equity[0]:.2f} while it ran; BotSilent after its end"
        )


def until_all_have_data(server: Prometheus) -> list[str]:
    """Returns the queries without data after two minutes."""
    waiting = queries()

    def none_left() -> bool:
        waiting[:] = [query for query in waiting if not server.values(query)]
        return not waiting

    until(none_left, 120)
    return waiting

"""How long an alert takes from its sender to the bot's REST API: `perpkit webhook` as a process.

    python -m benchmarks.webhook [--rounds N] [--quick]

Sender and a stand-in of the bot's API are in this process and read the same monotonic clock. A time
is from before the alert is sent until the order arrives: HTTP, the checks, the look at the open
trades, and the request that orders. What the bot does with it then is not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

from benchmarks.backtests import REPOSITORY
from benchmarks.measured import Scale, Table
from tests.bench.planted import API_PASSWORD, JWT_SECRET
from tests.bench.recording_rest import USER, RecordingRest, recording_rest
from tests.bench.web import unused_port

ALERTS = 500
EXAMPLE = REPOSITORY / "config.json.example"
SECRET = "a secret of the benchmark"
OPEN = {"trade_id": 7, "pair": "BTC/USDT:USDT", "is_short": False, "amount": 1.0}


def webhook(scale: Scale) -> Table:
    """From an alert to the request that orders, in ms of the wall clock."""
    table = Table(
        "Webhook: from an alert to the bot's REST API, ms",
        note="Wall clock, over the loopback, one alert after the other.",
    )
    rounds, alerts = scale.rounds, 40 if scale.quick else ALERTS
    for name, action, trades in (("entry", "long", []), ("exit", "exit", [OPEN])):
        times = [ms for _ in range(rounds) for ms in measured(alerts, action, trades)]
        table.raw[name] = times
        p50, p99 = np.percentile(times, [50, 99])
        table.rows.append(
            {"alert": name, "alerts": len(times), "p50": p50, "p99": p99, "longest": max(times)}
        )
    return table


def measured(alerts: int, action: str, trades: list[dict]) -> list[float]:
    """Returns ms from an alert to its order."""
    found = []
    with recording_rest() as (bot, rest), started(bot, rest.url) as url, httpx.Client() as client:
        bot.trades.extend(trades)
        for number in range(-5, alerts):  # the first ones warm up
            ms = _one(client, f"{url}/alert", bot, action, number)
            if number >= 0:
                found.append(ms)
    return found


def _one(client: httpx.Client, url: str, bot: RecordingRest, action: str, number: int) -> float:
    now = datetime.now(UTC).isoformat()
    alert = {"secret": SECRET, "time": now, "symbol": "BTCUSDT.P", "action": action}
    sent = time.monotonic()
    answer = client.post(url, json=alert | {"id": str(number)})
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    return 1000 * (bot.ordered[-1].at - sent)


@contextmanager
def started(bot: RecordingRest, rest_url: str) -> Iterator[str]:
    """The address of `perpkit webhook`, as the user of this bot starts it."""
    port = unused_port()
    with tempfile.TemporaryDirectory() as folder:
        own = configuration(Path(folder), bot, rest_url)
        configs = [f"--config={path}" for path in (EXAMPLE, own)]
        command = [sys.executable, "-m", "perpkit.cli", "webhook", *configs]
        process = subprocess.Popen(
            [*command, f"--userdir={folder}", f"--port={port}", "--entries=600"],
            env={**os.environ, "PERPKIT_WEBHOOK_SECRET": SECRET},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url, process)
            yield url
        finally:
            process.terminate()
            process.wait()


def configuration(folder: Path, bot: RecordingRest, rest_url: str) -> Path:
    """The file of this bot, beside its database."""
    path, address = folder / "config.json", urlsplit(rest_url)
    database = f"sqlite:///{folder}/trades.sqlite"
    bot.store_start(database)
    api = {
        "enabled": True,
        "listen_ip_address": address.hostname,
        "listen_port": address.port,
        "username": USER,
        "password": API_PASSWORD,
        "jwt_secret_key": JWT_SECRET,
    }
    modes = {"dry_run": True, "force_entry_enable": True}
    path.write_text(json.dumps({"api_server": api, "db_url": database, **modes}))
    return path


def _wait_for(url: str, process: subprocess.Popen, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{url}/health")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"perpkit webhook does not answer; exit code {process.poll()}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="webhook", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="few alerts")
    given = parser.parse_args()
    print(webhook(Scale(given.rounds, given.quick)))


if __name__ == "__main__":
    main()

"""docs/metrics.md has every metric and every alert."""

from __future__ import annotations

import re

import yaml

from perpkit.ops.metrics.collector import METRICS, OF_FILE
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text()


def table() -> str:
    rows = [(name, labels, text) for name, (labels, text) in OF_FILE.items()]
    rows += [(metric.name, metric.labels, metric.text) for metric in METRICS]
    lines = [
        f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {text} |"
        for name, labels, text in rows
    ]
    return "\n".join(["| metric | labels | what it says |", "|---|---|---|", *lines]) + "\n"


def test_the_page_has_every_metric():
    shown = PAGE.partition("prints what belongs below. -->\n\n")[2]
    assert shown == table(), f"It should be:\n\n{table()}"


def test_the_page_has_every_alert():
    rules = yaml.safe_load((REPOSITORY / "docker/prometheus/alerts.yml").read_text())
    alerts = {rule["alert"] for rule in rules["groups"][0]["rules"]}
    rows = PAGE.partition("| alert |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", rows)) - {"REDUCING"} == alerts

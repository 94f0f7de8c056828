"""The queries of the Grafana dashboard."""

from __future__ import annotations

import json

from tests.conftest import REPOSITORY

DASHBOARD = REPOSITORY / "docker" / "grafana" / "dashboards" / "perpkit.json"


def queries() -> list[str]:
    """Of all panels, in their order, for every bot."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [query.replace("$bot", ".*") for query in found]

"""The files for Prometheus and Grafana: they name what is exported, promtool accepts them, and each
alert fires when it is to, and not before."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from perpkit.ops.metrics.collector import METRICS, OF_FILE
from tests.bench.dashboard import DASHBOARD, queries
from tests.conftest import REPOSITORY

PROMETHEUS = REPOSITORY / "docker" / "prometheus"
GRAFANA = REPOSITORY / "docker" / "grafana"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
EXPORTED = {metric.name: ("bot", *metric.labels) for metric in METRICS} | {
    name: ("bot", *labels) for name, (labels, _) in OF_FILE.items()
}
QUERIES = [*queries(), *(rule["expr"] for rule in RULES)]
_NAME = re.compile(r"perpkit_\w+")
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_asked_for_is_exported(query):
    names = set(_NAME.findall(query))
    assert names <= EXPORTED.keys()
    # Labels in braces, and those that are grouped by, are labels of a metric in the query.
    asked = set(re.findall(r'(\w+)=~?"', query))
    for grouped in re.findall(r"(?:by|on) \(([^)]*)\)", query):
        asked |= set(re.split(r",\s*", grouped))
    known = {label for name in names for label in EXPORTED[name]}
    assert asked <= known | {"job", "alertstate"}


def test_the_dashboard_is_one_that_grafana_finds():
    dashboard = json.loads(DASHBOARD.read_text())
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    [prometheus] = source["datasources"]
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert all(panel["datasource"]["uid"] == prometheus["uid"] for panel in panels)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    taken = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/perpkit.yml").read_text())
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    mounts = [text.split(":")[:2] for text in compose["services"]["grafana"]["volumes"]]
    path = provider["providers"][0]["options"]["path"]
    assert [here for here, there in mounts if there == path] == ["./docker/grafana/dashboards"]


def test_every_alert_says_how_bad_it_is_and_whose():
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        whose = "{{ $labels.bot }}" in rule["annotations"]["summary"]
        assert whose or rule["alert"] == "ExporterDown"
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


@needs_promtool
@pytest.mark.parametrize(
    "command", [("config", "prometheus.yml"), ("rules", "alerts.yml")], ids=lambda each: each[0]
)
def test_promtool_accepts_the_files(command):
    done = promtool("check", command[0], str(PROMETHEUS / command[1]))
    assert "SUCCESS" in done.stdout


def promtool(*words):
    done = subprocess.run(
        ["promtool", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


# By alert: series, in promtool's notation, every 15 seconds; when it is first seen to fire. The
# first value of each never fires.
BOT, POSITION = '{bot="a"}', '{bot="a",pair="B",side="long"}'
FIRES = [
    ("ExporterDown", {'up{job="perpkit"}': "1 0x20"}, "1m15s"),
    ("BotSilent", {f"perpkit_state_up{BOT}": "1 0x20"}, "1m15s"),
    ("PartMissing", {'perpkit_state_part_missing{bot="a",part="account"}': "0 1x20"}, "2m15s"),
    (
        "EquityUnknown",
        {'perpkit_unknown_values{bot="a",metric="perpkit_account_equity"}': "0 1x60"},
        "10m15s",
    ),
    ("StopsMissing", {f"perpkit_stops_missing{BOT}": "0 1x20"}, "45s"),
    (
        "LiquidationNear",
        {f"perpkit_position_liquidation_distance_ratio{POSITION}": "0.06 0.04x20"},
        "45s",
    ),
    (
        "LiquidationBeforeStop",
        {
            f"perpkit_position_liquidation_distance_ratio{POSITION}": "0.2 0.1x20",
            f"perpkit_position_stop_distance_ratio{POSITION}": "0.12x21",
        },
        "45s",
    ),
    ("Halted", {'perpkit_trading_state{bot="a",state="halted"}': "0 1x20"}, "15s"),
    ("Reducing", {'perpkit_trading_state{bot="a",state="reducing"}': "0 1x99"}, "15m15s"),
    ("LatchSet", {'perpkit_latch_state{bot="a",state="clear"}': "1 0x20"}, "15s"),
    ("Passive", {f"perpkit_bot_passive{BOT}": "0 1x20"}, "1m15s"),
    ("DrawdownDeep", {f"perpkit_account_drawdown_ratio{BOT}": "0.1 0.11x20"}, "1m15s"),
    ("AutoDeleveragingNear", {f"perpkit_position_adl_rank{POSITION}": "3 4x40"}, "5m15s"),
    ("CyclesFailing", {f"perpkit_cycles_failing{BOT}": "2 3x20"}, "15s"),
    ("GuardFailing", {f"perpkit_guard_failing{BOT}": "0 1x20"}, "2m15s"),
    ("CallbackFailed", {f"perpkit_callbacks_failed_total{BOT}": "0 1x20"}, "15s"),
    ("CallbackFailed", {f"perpkit_doubts{BOT}": "0 1x20"}, "15s"),
    ("OrdersFail", {f"perpkit_orders_failed_total{BOT}": "5 5 7x20"}, "30s"),
    ("RequestWeightHigh", {f"perpkit_request_weight_ratio{BOT}": "0.8 0.81x20"}, "1m15s"),
    ("OrderCountHigh", {'perpkit_orders_ratio{bot="a",interval="10s"}': "0.8 0.81x20"}, "15s"),
    ("BooksDiffer", {f"perpkit_books_differing{BOT}": "0 1x40"}, "5m15s"),
    ("BooksDiffer", {f"perpkit_books_compared{BOT}": "1 0x40"}, "5m15s"),
    (
        "BalanceUnexplained",
        {
            f"perpkit_account_unexplained{BOT}": "-10 -11x260",
            f"perpkit_account_equity{BOT}": "1000x261",
        },
        "1h15s",
    ),
    ("JournalUnsound", {f"perpkit_journal_sound{BOT}": "1 0x20"}, "1m15s"),
    (
        "DataOld",
        {
            f"perpkit_data_age_seconds{BOT}": "3900 3901x20",
            f"perpkit_timeframe_seconds{BOT}": "3600x21",
            'perpkit_bot_state{bot="a",state="running"}': "1x21",
        },
        "2m15s",
    ),
    (
        "DataMissing",
        {
            f"perpkit_pairs_without_data{BOT}": "0 3x40",
            'perpkit_bot_state{bot="a",state="running"}': "1x41",
        },
        "5m15s",
    ),
]
# As above, but nothing fires.
QUIET = [
    ("a bot that is stopped decides on nothing", {
        f"perpkit_data_age_seconds{BOT}": "9999x30",
        f"perpkit_timeframe_seconds{BOT}": "3600x30",
        'perpkit_bot_state{bot="a",state="running"}': "0x30",
    }),
    ("one order that fails", {f"perpkit_orders_failed_total{BOT}": "5 6x30"}),
    ("a part that is not there in dry-run", {
        'perpkit_state_part_missing{bot="a",part="reconciliation"}': "1x30",
    }),
    ("a stop that is replaced", {f"perpkit_stops_missing{BOT}": "0 1 0 1 0x30"}),
]  # fmt: skip


def seconds(text):
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([hms])", text))


def unit_test(alert, series, at, fires):
    """Of promtool. Annotations and labels are the rule's, and are not what is tested."""
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


@needs_promtool
def test_alerts_fire_in_time_and_not_before(tmp_path):
    assert {alert for alert, _, _ in FIRES} == {rule["alert"] for rule in RULES}
    tests = []
    for alert, series, at in FIRES:
        before = f"{seconds(at) - 15}s"
        tests += [unit_test(alert, series, at, True), unit_test(alert, series, before, False)]
    for _, series in QUIET:
        tests += [unit_test(rule["alert"], series, "5m", False) for rule in RULES]
    given = {"rule_files": [str(PROMETHEUS / "alerts.yml")], "evaluation_interval": "15s"}
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(given | {"tests": tests}))
    assert "SUCCESS" in promtool("test", "rules", str(path)).stdout


def test_figures_are_scraped_where_they_are_served():
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    [scraped] = config["scrape_configs"]
    [target] = scraped["static_configs"][0]["targets"]
    host, port = target.split(":")
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    command = compose["services"][host]["command"]
    assert port == "9742"
    assert command[command.index("--host") + 1] == "0.0.0.0"  # inside of its container
    assert Path(config["rule_files"][0]).name == "alerts.yml"

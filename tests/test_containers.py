"""docker-compose.yml: it is as the compose specification has it, and its containers are closed.

No container engine runs here: the specification is checked by compose_spec, an implementation of it
that knows nothing of this file.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy

import pytest
import yaml
from compose_spec import PyCompose

from tests.conftest import REPOSITORY

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
BOTS = {name: SERVICES[name] for name in ("dry-run", "freqtrade")}
each_service = pytest.mark.parametrize("name", SERVICES)


def check(compose: dict) -> None:
    """:raises ValueError: naming what the specification does not have"""
    # Extensions at the top are for this file's own anchors, which YAML has resolved.
    own = {key: part for key, part in compose.items() if not key.startswith("x-")}
    PyCompose.from_json(json.dumps(own)).validate()


def test_it_is_a_file_of_the_compose_specification():
    check(COMPOSE)


@pytest.mark.parametrize(
    ("service", "wrong", "named"),
    [
        ("metrics", {"restarts": "always"}, "restarts"),
        ("metrics", {"restart": "sometimes"}, "sometimes"),
        ("metrics", {"ports": ["127.0.0.1:web:9742"]}, "`web`"),
        ("metrics", {"healthcheck": {"test": ["CMD", "true"], "interval": "a minute"}}, "a minute"),
        ("metrics", {"read_only": "surely"}, "surely"),
        ("grafana", {"secrets": ["none"]}, "none"),
        ("rehearsal", {"depends_on": {"venue": {"condition": "ready"}}}, "ready"),
    ],
)
def test_a_mistake_would_be_found(service, wrong, named):
    compose = deepcopy(COMPOSE)
    compose["services"][service] |= wrong
    with pytest.raises((ValueError, TypeError), match=named):
        check(compose)


@each_service
def test_a_container_can_do_little_and_is_open_to_this_machine_only(name):
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "pid"} & service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service.get("network_mode") in (None, "service:venue")


@each_service
def test_a_container_is_started_again_and_watched(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    for before in service.get("depends_on", ()):
        assert before in SERVICES


@each_service
def test_an_image_is_our_own_or_has_a_version(name):
    service = SERVICES[name]
    if "build" in service:
        assert (REPOSITORY / service["build"]["dockerfile"]).is_file()
    else:
        assert re.search(r":v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$", service["image"])


def test_the_image_of_ours_is_unprivileged_and_has_a_version():
    dockerfile = (REPOSITORY / "docker" / "Dockerfile").read_text()
    assert "USER root" not in dockerfile
    assert re.search(r"^ARG FREQTRADE_TAG=\d{4}\.\d+$", dockerfile, re.MULTILINE)


def test_the_image_has_what_an_operator_cannot_add():
    """Its containers can write nowhere, so that a message "pip install ..." is of no use there."""
    dockerfile = (REPOSITORY / "docker" / "Dockerfile").read_text()
    [extras] = re.findall(r"/tmp/perpkit\[([a-z,]+)\]", dockerfile)
    needed = {"alerts", "keys", "metrics", "report", "research", "webhook"}
    assert needed <= set(extras.split(","))


@each_service
def test_what_is_mounted_is_there_and_secrets_are_files(name):
    service = SERVICES[name]
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (REPOSITORY / source).exists()
            assert source == "./user_data" or volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]
    for variable in service.get("environment", {}):
        assert not variable.endswith(("PASSWORD", "SECRET", "TOKEN", "KEY"))
    assert {*service.get("secrets", ())} <= COMPOSE["secrets"].keys()


def test_without_a_file_of_ones_own_the_private_configuration_is_empty():
    default = COMPOSE["secrets"]["private"]["file"]
    [path] = re.findall(r":-(.*)}", default)
    assert json.loads((REPOSITORY / path).read_text()) == {}
    for bot in BOTS.values():
        command = bot["command"]
        configs = [command[n + 1] for n, word in enumerate(command) if word == "--config"]
        assert configs[-1] == "/run/secrets/private"


def test_only_the_dry_run_starts_unasked():
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["dry-run"]
    assert SERVICES["freqtrade"]["profiles"] == ["live"]


def test_dry_run_and_live_have_databases_of_their_own():
    databases = {}
    for name, service in BOTS.items():
        command, environment = service["command"], service["environment"]
        databases[name] = command[command.index("--db-url") + 1]
        assert environment["FREQTRADE__DB_URL"] == databases[name]
        # The mode is the service's, whatever the configuration says.
        assert environment["FREQTRADE__DRY_RUN"] == ("true" if name == "dry-run" else "false")
        assert ("--dry-run" in command) == (name == "dry-run")
    assert len(set(databases.values())) == len(BOTS)


def test_figures_are_of_the_database_of_a_bot():
    [url] = [word for word in SERVICES["metrics"]["command"] if word.startswith("sqlite")]
    for name, database in (("dry-run", "trades.dry-run"), ("freqtrade", "trades")):
        resolved = re.sub(r"\$\{\w+:-([^}]*)}", database, url)
        assert resolved == BOTS[name]["environment"]["FREQTRADE__DB_URL"]
    assert ":-trades.dry-run}" in url


def test_no_two_services_have_one_port():
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len({port.rpartition(":")[0] for port in ports}) == len(ports)


def test_a_rehearsal_has_neither_keys_nor_variables_of_the_others():
    """Perpkit refuses them there; see docs/rehearsal.md."""
    rehearsal = SERVICES["rehearsal"]
    assert not {"env_file", "environment", "secrets"} & rehearsal.keys()
    assert "--db-url" not in rehearsal["command"]
    assert "--logfile" not in rehearsal["command"]

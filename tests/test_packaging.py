"""What an installation contains, and what the container does not expose."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY

LOAD = """
import site
site.addsitedir({target!r})
from freqtrade.resolvers import PairListResolver, ProtectionResolver, StrategyResolver
config = {{"user_data_dir": __import__("pathlib").Path({target!r}), "timeframe": "1h"}}
for resolver in (StrategyResolver, ProtectionResolver, PairListResolver):
    for found in resolver.search_all_objects(config, False):
        print(found["name"], found["location"])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def test_an_installation_brings_its_plugins_and_the_hook_that_finds_them(installed, tmp_path):
    # Without site-packages' own editable Perpkit: -S, and the dependencies by path.
    packages = str(Path(yaml.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-S", "-c", LOAD.format(target=str(installed))],
        env={"PYTHONPATH": packages, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    places = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    for name, kind in {
        "RsiSmaSwing": "strategies",
        "RsiSmaScalp": "strategies",
        "CryptoVixBreaker": "protections",
        "FundingRateFilter": "pairlists",
    }.items():
        assert places[name] == str(installed / "perpkit" / "plugins" / kind / f"{name}.py")


def test_pip_knows_the_hook_as_its_own_and_so_removes_it(installed):
    (record,) = installed.glob("perpkit-*.dist-info/RECORD")
    assert any(line.startswith("perpkit.pth,") for line in record.read_text().splitlines())


def test_the_container_is_unprivileged_and_open_to_this_machine_only():
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    for service in compose["services"].values():
        assert not service["user"].startswith(("0", "root"))
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["cap_drop"] == ["ALL"]
        assert (REPOSITORY / service["build"]["dockerfile"]).is_file()
    dockerfile = (REPOSITORY / "docker" / "Dockerfile").read_text()
    assert "USER root" not in dockerfile


def test_no_secret_is_in_what_is_committed():
    rehearsed = {"config.venue.json": "rehearsal"}  # of the simulated venue's own account
    for name in (".env.example", "config.json.example", "config.venue.json"):
        for line in (REPOSITORY / name).read_text().splitlines():
            key, _, value = (
                line.replace('"', "").strip(" ,#").partition("=" if "env" in name else ":")
            )
            if key.strip().lower().endswith(("key", "secret", "token", "password", "chat_id")):
                assert value.strip() == rehearsed.get(name, ""), f"{name}: {line}"

"""What an installation contains, and that nothing private is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY

LOAD = """
import site
site.addsitedir({target!r})
from freqtrade.resolvers import PairListResolver, ProtectionResolver, StrategyResolver
from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver
from freqtrade.resolvers.hyperopt_resolver import HyperOptLossResolver
config = {{"user_data_dir": __import__("pathlib").Path({target!r}), "timeframe": "1h"}}
resolvers = (StrategyResolver, ProtectionResolver, PairListResolver, HyperOptLossResolver)
for resolver in (*resolvers, FreqaiModelResolver):
    for found in resolver.search_all_objects(config, False):
        print(found["name"], found["location"])
"""


def built(target: str, source: Path, folder: Path) -> Path:
    """The one file that hatchling builds.

    :param target: wheel or sdist
    """
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = built("wheel", REPOSITORY, folder)
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def started(site: Path, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Python with `site` as its site-packages, without the ones of this environment's Perpkit."""
    # -S and the dependencies by path: an editable Perpkit is in site-packages.
    packages = str(Path(yaml.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-S", "-c", code.format(target=str(site))],
        env={"PYTHONPATH": packages, "PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_an_installation_brings_its_plugins_and_the_hook_that_finds_them(installed, tmp_path):
    result = started(installed, LOAD, tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    places = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    for name, kind in {
        "RsiSmaSwing": "strategies",
        "RsiSmaScalp": "strategies",
        "CryptoVixBreaker": "protections",
        "FundingRateFilter": "pairlists",
        "PerpHyperOptLoss": "hyperopts",
        "LightGbmTripleBarrier": "freqaimodels",
    }.items():
        assert places[name] == str(installed / "perpkit" / "plugins" / kind / f"{name}.py")


# What freqtrade-delta-exchange 0.3 does, which is on PyPI: its own exchange, set into Freqtrade as
# Python starts. `make compat` has the package itself.
BESIDE = """
import freqtrade.exchange
freqtrade.exchange.Beside = type("Beside", (freqtrade.exchange.Exchange,), {})
"""
BOTH = """
import site
site.addsitedir({target!r})
import freqtrade.exchange
from freqtrade.resolvers import ProtectionResolver
config = {{"user_data_dir": __import__("pathlib").Path({target!r}), "timeframe": "1h"}}
print(freqtrade.exchange.Beside.__name__)
print(*(found["name"] for found in ProtectionResolver.search_all_objects(config, False)))
"""


def test_beside_a_plugin_that_imports_freqtrade_at_once(installed, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(installed, site)
    (site / "beside.py").write_text(BESIDE)
    (site / "freqtrade_beside.pth").write_text("import beside\n")
    result = started(site, BOTH, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert {"Beside", "CryptoVixBreaker"} <= {*result.stdout.split()}


def test_freqtrade_that_was_imported_before_the_hook_is_said(installed, tmp_path):
    result = started(installed, "import freqtrade, site; site.addsitedir({target!r})", tmp_path)
    assert result.stderr == (
        "perpkit: no plugin discovery: freqtrade was imported before 00_perpkit.pth was read\n"
    )


def test_pip_knows_the_hook_as_its_own_and_so_removes_it(installed):
    (record,) = installed.glob("perpkit-*.dist-info/RECORD")
    assert any(line.startswith("00_perpkit.pth,") for line in record.read_text().splitlines())


# What a user's folder may hold, beside what is committed.
PRIVATE = (
    ".env", ".env.live", "config.json", "config.live.json", "tradesv3.sqlite", "a.sqlite-wal",
    "keys.age", "notes.txt", "user_data/config.json", "user_data/trades.sqlite", ".venv/x.py",
    "perpkit/.env.live", "perpkit/state.sqlite", "strategies/RsiSmaSwing.json",
    "docs/.env.live", "tests/copy.sqlite", "perpkit/config.live.json", "perpkit/ops/keys.age",
    "docs/config.live.json", "tests/notes.txt", "user_data/hyperopts/Mine.py",
    "secrets/private.json", "docker/private.json", "docker/grafana/config.live.json",
    "user_data/freqaimodels/Mine.py",
)  # fmt: skip


def committed(*folders: str) -> set[str]:
    """Files in folders of the repository that are, or would be."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    done = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return {name for name in done.stdout.splitlines() if (REPOSITORY / name).is_file()}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A copy of what is committed, with private files in it."""
    folder = tmp_path_factory.mktemp("planted") / "perpkit"
    for name in committed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    for name in PRIVATE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    return folder


def test_the_sdist_has_what_is_listed_and_nothing_private(planted, tmp_path):
    with tarfile.open(built("sdist", planted, tmp_path)) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert not names & {*PRIVATE}
    needed = {"pyproject.toml", "README.md", "LICENSE", ".env.example", "config.json.example"}
    needed |= {"user_data/hyperopts/PerpHyperOptLoss.py", "config.freqai.json.example"}
    needed |= {"config.bybit.json.example", "config.okx.json.example"}
    needed |= {"user_data/freqaimodels/LightGbmTripleBarrier.py", "config.credits.json.example"}
    needed |= {"strategies/RsiSmaSwing.py", "Makefile", "docker/Dockerfile", "docs/report.png"}
    assert needed | committed("perpkit", "tests", "docs", "benchmarks", "docker") <= names


def test_the_wheel_has_the_package_and_nothing_private(planted, tmp_path):
    with zipfile.ZipFile(built("wheel", planted, tmp_path)) as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    assert [name for name, content in contents.items() if content == b"secret"] == []
    needed = committed("perpkit") - {"perpkit/bot/loading/perpkit.pth"}  # it is moved
    plugins = {"strategies/RsiSmaSwing.py", "hyperopts/PerpHyperOptLoss.py"}
    plugins |= {"freqaimodels/LightGbmTripleBarrier.py"}
    plugins = {f"perpkit/plugins/{name}" for name in plugins}
    assert needed | {"00_perpkit.pth", *plugins} <= {*contents}


def kept_out(name: str, rules: list[str]) -> bool:
    """As Docker reads its ignore file: the last rule counts that names it or a folder above it."""
    out = False
    above = [name, *map(str, Path(name).parents)]
    for rule in rules:
        wanted = re.escape(rule.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(wanted, part) for part in above):
            out = not rule.startswith("!")
    return out


def test_the_image_has_the_package_and_nothing_private(planted):
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    files = [str(p.relative_to(planted)) for p in planted.rglob("*") if p.is_file()]
    inside = {name for name in files if not kept_out(name, rules)}
    assert not inside & {*PRIVATE}
    assert {"pyproject.toml", "README.md", "LICENSE"} <= inside
    folders = ("perpkit", "strategies", "protections", "pairlists")
    own = [name for name in files if name.split("/")[0] in folders and "__pycache__" not in name]
    assert {*own} - {*PRIVATE} <= inside
    assert not [name for name in inside if name.startswith(("tests", "docs"))]
    users = [name for name in inside if name.startswith("user_data")]
    models = committed("user_data/freqaimodels")
    assert {*users} == {"user_data/hyperopts/PerpHyperOptLoss.py", *models}


def test_no_variable_of_the_example_is_empty():
    # An empty variable overrides the key in a configuration file.
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    assert not [line for line in lines if line.rstrip().endswith("=") and not line.startswith("#")]


def test_no_secret_is_in_what_is_committed():
    rehearsed = {"config.venue.json": "rehearsal"}  # of the simulated venue's own account
    configs = sorted(path.name for path in REPOSITORY.glob("config.*json*"))
    for name in (".env.example", *configs):
        for line in (REPOSITORY / name).read_text().splitlines():
            key, _, value = (
                line.replace('"', "").strip(" ,#").partition("=" if "env" in name else ":")
            )
            if key.strip().lower().endswith(("key", "secret", "token", "password", "chat_id")):
                assert value.strip() == rehearsed.get(name, ""), f"{name}: {line}"

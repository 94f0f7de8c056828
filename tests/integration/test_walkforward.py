"""`perpkit walkforward` against one command line of Freqtrade a window; engines; kills."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from perpkit.durations import HOUR
from perpkit.research.marked import load_export
from perpkit.walkforward.run_directory import folder_of, is_done, plain, read_run
from perpkit.walkforward.windows import out_of_sample_range
from tests.bot.hybrid.trained import SMALL, freqai, need_freqai
from tests.cases import SLOW
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.integration

OWN = REPOSITORY / "tests/bench/strategies"
PLAIN = REPOSITORY / "benchmarks/strategies"


def command(bot, *arguments: str | Path, **config: Any) -> list[str]:
    given = bot.arguments("walkforward", f"--datadir={bot.datadir}", *arguments, **config)
    return [sys.executable, "-m", "perpkit.cli", *map(str, given)]


def walk(bot, *arguments: str | Path, timeout: float = 600, **config: Any):
    return subprocess.run(
        command(bot, *arguments, **config),
        capture_output=True, text=True, timeout=timeout, cwd=REPOSITORY, check=False,
    )  # fmt: skip


def comparable(trades) -> list[dict[str, Any]]:
    """Without the dates, which are there as numbers, too; statistics add the day of the week."""
    left_out = {"open_date", "close_date", "weekday"}
    return [{k: v for k, v in plain(trade).items() if k not in left_out} for trade in trades]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@contextmanager
def started(bot, *arguments: str | Path, **config: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(bot, *arguments, **config), cwd=REPOSITORY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    children: list[psutil.Process] = []
    try:
        yield process
    finally:
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.communicate()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def workers(driver) -> list[psutil.Process]:
    """Processes of joblib that compute."""
    children = psutil.Process(driver.pid).children(recursive=True)
    return [child for child in children if "popen_loky_posix" in " ".join(child.cmdline())]


def ray_workers(driver) -> list[psutil.Process]:
    """Processes of Ray that compute; Ray's other processes are theirs and the driver's."""
    found = []
    for child in psutil.Process(driver.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if " ".join(child.cmdline()).startswith("ray::_Remote.compute"):
                found.append(child)
    return found


def until(condition, seconds: float = 120) -> None:
    for _ in range(int(seconds / 0.1)):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it has not happened")


@pytest.mark.parametrize(
    ("strategy", "timerange", "test", "accelerated"),
    [
        ("RsiSmaSwing", "20250220-20250521", "45d", True),
        pytest.param("Scribbler", "20250201-20250305", "16d", False, marks=SLOW),
    ],
)
def test_trades_are_those_of_one_command_line_each(bot, strategy, timerange, test, accelerated):
    options = {"perpkit": {"acceleration": accelerated}, "max_open_trades": 3}
    path = f"--strategy-path={OWN}"
    out = bot.userdir.parent / "run"
    asked = (
        f"--strategy={strategy}", path, f"--timerange={timerange}", f"--test={test}", "--jobs=1",
        f"--out={out}",
    )  # fmt: skip
    with started(bot, *asked, **options) as driver:
        until(lambda: is_done(out, 1) or driver.poll() is not None)
        driver.kill()
        driver.wait()
    assert [is_done(out, number) for number in (1, 2)] == [True, False]
    done = walk(bot, *asked, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    found = read_run(out)
    assert found.is_complete
    for result in found.results:
        span = f"--timerange={out_of_sample_range(result.window, HOUR)}"
        bot.backtest(strategy, path, span, "--enable-protections", **options)
        exports = (bot.userdir / "backtest_results").glob("*.zip")
        alone = load_export(max(exports, key=lambda path: path.stat().st_mtime_ns))
        assert alone["trades"]
        assert comparable(result.out_of_sample.trades) == comparable(alone["trades"])
        assert result.out_of_sample.starting_balance == alone["starting_balance"]
        assert result.out_of_sample.equity.iloc[-1] == pytest.approx(
            alone["starting_balance"] + alone["profit_total_abs"]
        )


@SLOW
@pytest.mark.timeout(900)
def test_a_learned_model_is_trained_in_each_window_by_itself(bot):
    """The trades are those of one command line each, and no model of the user's is used or left."""
    need_freqai()
    options = {
        "freqaimodel": "LightGbmTripleBarrier",
        "freqai": freqai(**SMALL["LightGbmTripleBarrier"]),
        "exchange": {"pair_whitelist": ["BTC/USDT:USDT"]},
        "pairlists": [{"method": "StaticPairList"}],
        "perpkit": {"hybrid": {"vote": "model_only"}},
    }
    out, models = bot.userdir.parent / "run", bot.userdir / "models"
    asked = ("--strategy=HybridAi", "--timerange=20250415-20250505", "--test=10d", "--jobs=2")
    done = walk(bot, *asked, f"--out={out}", **options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not models.exists()
    found = read_run(out)
    assert len(found.results) == 2
    for result in found.results:
        span = f"--timerange={out_of_sample_range(result.window, HOUR)}"
        alone = bot.backtest("HybridAi", span, "--enable-protections", **options)
        assert len(list(models.rglob("*_prediction.feather"))) == 2  # of five days each
        shutil.rmtree(models)
        # By the rules alone there would be others.
        rules = {**options, "perpkit": {"hybrid": {"vote": "rules_only"}}}
        without = bot.backtest("HybridAi", span, "--enable-protections", **rules)
        shutil.rmtree(models)
        assert alone["trades"]
        assert comparable(alone["trades"]) != comparable(without["trades"])
        assert comparable(result.out_of_sample.trades) == comparable(alone["trades"])


OPTIMISED = (
    "--strategy=InTheMarket", f"--strategy-path={PLAIN}", "--timerange=20250305-20250323",
    "--train=12d", "--test=6d", "--epochs=3", "--spaces=buy", "--min-trades=2", "--jobs=2",
)  # fmt: skip
WINDOWS, EPOCHS = 3, 3
FEW = {"exchange": {"pair_whitelist": ["BTC/USDT:USDT", "ETH/USDT:USDT"]}}


@SLOW
@pytest.mark.timeout(900)  # five starts of Freqtrade in some processes each
def test_killed_and_started_again_is_as_on_ray(bot):
    pytest.importorskip("ray")
    local, cluster = bot.userdir.parent / "local", bot.userdir.parent / "cluster"
    before = contents(bot.userdir)

    def done() -> int:
        return sum(is_done(local, number + 1) for number in range(WINDOWS))

    with started(bot, *OPTIMISED, f"--out={local}", **FEW) as driver:
        until(lambda: done() >= 1 or driver.poll() is not None)
        left = workers(driver)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        assert psutil.wait_procs(left, timeout=60)[1] == []  # they find out by themselves
    assert 1 <= done() < WINDOWS
    # A single window would be computed in the driver: a second one that was ready is taken away.
    ready = [number + 1 for number in range(WINDOWS) if is_done(local, number + 1)]
    for number in ready[1:]:
        shutil.rmtree(folder_of(local, number))
    kept = {path: path.stat().st_mtime_ns for path in local.rglob("result.json")}
    with started(bot, *OPTIMISED, f"--out={local}", **FEW) as driver:
        until(lambda: workers(driver))
        workers(driver)[0].kill()
        _, said = driver.communicate(timeout=600)
        assert driver.returncode == 0, said
    assert "A worker was lost" in said
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    ran = walk(bot, *OPTIMISED, "--engine=ray", f"--out={cluster}", "--json", **FEW)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert contents(cluster) == contents(local)

    run = read_run(cluster)
    assert json.loads(ran.stdout)["trials"] == EPOCHS * WINDOWS
    for result in run.results:
        assert result.trials.shape == (12, EPOCHS)
        assert result.chosen is not None
        assert result.in_sample.daily.tolist() == result.trials[result.chosen].tolist()
        best = result.epochs[result.chosen - 1]
        assert best.loss == min(epoch.loss for epoch in result.epochs)
        assert result.parameters["buy"] == best.parameters["buy"]
    tried = {json.dumps(epoch.parameters) for one in run.results for epoch in one.epochs}
    assert len(tried) > EPOCHS  # each window has a seed of its own
    assert {k: v for k, v in contents(bot.userdir).items() if k != "own.json"} == before


FIXED = (
    "--strategy=InTheMarket", f"--strategy-path={PLAIN}", "--timerange=20250305-20250317",
    "--test=4d", "--jobs=2",
)  # fmt: skip


@pytest.fixture
def computed(bot):
    """The files of such a run by the local engine."""
    out = bot.userdir.parent / "local"
    ran = walk(bot, *FIXED, f"--out={out}", **FEW)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return contents(out)


@SLOW
@pytest.mark.timeout(1800)
def test_a_killed_worker_of_ray_changes_nothing(bot, computed):
    pytest.importorskip("ray")
    out = bot.userdir.parent / "killed"
    with started(bot, *FIXED, "--engine=ray", f"--out={out}", **FEW) as driver:
        until(lambda: len(ray_workers(driver)) == 2, 300)
        both = ray_workers(driver)
        both[0].kill()
        until(lambda: {*ray_workers(driver)} - {*both}, 300)  # another one in its place
        _, said = driver.communicate(timeout=600)
        assert driver.returncode == 0, said
    assert contents(out) == computed


@SLOW
@pytest.mark.timeout(1800)
def test_a_cluster_by_its_address_gives_the_same(bot, computed):
    """And nothing of what was shipped to its two machines is left there."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    def shipped() -> set[Path]:
        return set(Path(tempfile.gettempdir()).glob(f"perpkit-walkforward-{'?' * 32}"))

    out, before = bot.userdir.parent / "cluster", shipped()
    seen: set[Path] = set()
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        machines.add_node(num_cpus=1)
        asked = ("--engine=ray", f"--address={machines.address}", f"--out={out}")
        with started(bot, *FIXED, *asked, **FEW) as driver:
            until(lambda: seen.update(shipped() - before) or seen or driver.poll() is not None, 300)
            _, said = driver.communicate(timeout=600)
            assert driver.returncode == 0, said
    finally:
        machines.shutdown()
    assert contents(out) == computed
    assert len(seen) == 1
    assert shipped() <= before

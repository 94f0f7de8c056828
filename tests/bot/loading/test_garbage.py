"""The collector of cycles waits for the imports of a backtest, and for nothing else."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import subprocess
import sys

import pytest
from freqtrade.optimize.backtesting import Backtesting

from perpkit.bot.loading import garbage, hook

MODULE = "perpkit_backtests_for_a_test"
# What a worker says once it has imported freqtrade, which each task of it does.
IN_WORKERS = """
import sys
from joblib import Parallel, delayed

def collects():
    import gc
    import freqtrade
    return gc.isenabled()

sys.argv = {argv!r}
print(*Parallel(n_jobs=2)(delayed(collects)() for _ in range(2)))
"""
AFTER_IMPORT = "import sys, gc; sys.argv = {argv!r}; import freqtrade; print(gc.isenabled())"


@pytest.fixture(autouse=True)
def collector():
    gc.unfreeze()  # what tests/conftest.py has frozen
    yield
    garbage._waits = False
    gc.freeze()
    gc.enable()


@pytest.mark.parametrize(
    ("arguments", "collects"),
    [
        (["backtesting", "-c", "config.json"], False),
        (["hyperopt"], False),
        (["lookahead-analysis"], False),
        (["trade"], True),
        (["webserver"], True),
        (["--strategy", "backtesting"], True),
        ([], True),
    ],
)
def test_it_waits_where_a_backtest_is_made(arguments, collects):
    code = AFTER_IMPORT.format(argv=["freqtrade", *arguments])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(collects)]


def prepared() -> Backtesting:
    """One that was prepared in another process, such as a worker of hyperopt receives."""
    testing = object.__new__(Backtesting)
    testing.config = {}
    return testing


@pytest.mark.parametrize(
    "step",
    [
        lambda: Backtesting({}),
        lambda: prepared().load_bt_data(),
        lambda: prepared().backtest({}, None, None),
    ],
    ids=["prepared", "loads candles", "begins a run"],
)
def test_it_goes_on_as_a_backtest_goes_on(step, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["freqtrade", "backtesting"])
    garbage.wait_for_imports()
    assert not gc.isenabled()
    with pytest.raises((KeyError, AttributeError)):
        step()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_it_does_not_wait_in_a_worker_of_hyperopt():
    """Its argv is that of the command, and in an epoch it makes millions of copies of trades."""
    code = IN_WORKERS.format(argv=["freqtrade", "hyperopt"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_it_does_not_wait_in_a_process_that_is_spawned(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["freqtrade", "backtesting"])
    monkeypatch.setattr(multiprocessing.current_process(), "name", "SpawnProcess-1")
    garbage.wait_for_imports()
    assert gc.isenabled()


def test_it_goes_on_where_backtests_cannot_be_followed(monkeypatch, tmp_path, capsys):
    """Then nothing else would end the waiting, in a run of hours."""
    monkeypatch.setattr(sys, "argv", ["freqtrade", "hyperopt"])
    garbage.wait_for_imports()
    (tmp_path / f"{MODULE}.py").write_text("class Backtesting: ...")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(hook.ADJUSTED, MODULE, ("accelerating", "accelerate"))
    monkeypatch.setattr(sys, "meta_path", [hook.PostImportFinder(), *sys.meta_path])
    try:
        importlib.import_module(MODULE)
    finally:
        sys.modules.pop(MODULE, None)
    assert "accelerate could not adjust" in capsys.readouterr().err
    assert gc.isenabled()


def test_one_that_somebody_has_switched_off_stays_off(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["freqtrade", "backtesting"])
    gc.disable()
    garbage.wait_for_imports()
    garbage.imported()
    assert not gc.isenabled()

"""The start-up hook: installed once, and beside finders of any make."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from perpkit.bot.loading import hook
from tests.conftest import REPOSITORY

PTH = REPOSITORY / "perpkit" / "bot" / "loading" / "perpkit.pth"
# By its name no file of tests, for which pytest has a loader of its own.
MODULE = "perpkit_adjusted_here"


@pytest.fixture(autouse=True)
def finders(monkeypatch):
    found = [*sys.meta_path]
    monkeypatch.setattr(sys, "meta_path", found)
    return found


def named(finders, name):
    return [f for f in finders if name in (type(f).__name__, getattr(f, "__name__", ""))]


def test_two_imports_install_it_once(finders):
    assert len(named(finders, "PostImportFinder")) == 1
    for _ in range(2):
        importlib.reload(hook)
    assert len(named(finders, "PostImportFinder")) == 1


def test_two_site_folders_install_it_once(finders, monkeypatch):
    monkeypatch.delenv("PERPKIT_PLUGINS", raising=False)
    line = PTH.read_text()
    for _ in range(2):
        exec(line, {"os": os, "sys": sys})
    assert len(named(finders, "PerpkitStart")) == 1


@pytest.fixture
def adjusted(monkeypatch, tmp_path):
    """The modules that the hook has adjusted, of which `MODULE` can be imported."""
    found = []
    (tmp_path / f"{MODULE}.py").write_text("value = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(hook.ADJUSTED, MODULE, ("plugins", "widen_for_a_test"))
    plugins = importlib.import_module("perpkit.bot.loading.plugins")
    monkeypatch.setattr(plugins, "widen_for_a_test", found.append, raising=False)
    yield found
    sys.modules.pop(MODULE, None)


def test_a_finder_without_find_spec_is_passed_over(finders, adjusted):
    finders[:] = [hook.PostImportFinder(), object(), *finders]
    module = importlib.import_module(MODULE)
    assert module.value == 1
    assert adjusted == [module]


class AnotherPlugin:
    """It adjusts a module as ours does: what the finders beside it find is executed by it."""

    def __init__(self) -> None:
        self.adjusted = []

    def find_spec(self, name, path=None, target=None):
        spec = self.found(name, path) if name == MODULE else None
        if spec is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (execute(module), self.adjusted.append(module))
        return spec

    def found(self, name, path):
        others = [each for each in sys.meta_path if each is not self]
        return next(filter(None, (each.find_spec(name, path) for each in others)), None)


class GuardedPlugin(AnotherPlugin):
    """As wrapt does: Python's own search, to which it answers nothing itself meanwhile."""

    asks = False

    def found(self, name, path):
        if self.asks:
            return None
        self.asks = True
        try:
            return importlib.util.find_spec(name)
        finally:
            self.asks = False


SameName = type("PostImportFinder", (AnotherPlugin,), {})


@pytest.mark.parametrize("other", [AnotherPlugin, GuardedPlugin, SameName])
@pytest.mark.parametrize("first", [True, False])
def test_a_finder_that_asks_the_others_in_turn(other, first, finders, adjusted):
    [ours], theirs = named(finders, "PostImportFinder"), other()
    finders.insert(finders.index(ours) + first, theirs)
    module = importlib.import_module(MODULE)
    assert adjusted == [module]
    assert module in theirs.adjusted


class OneLoader:
    """It executes all modules itself, as pytest's does."""

    def find_spec(self, name, path=None, target=None):
        found = importlib.machinery.PathFinder.find_spec(name, path)
        return found and importlib.util.spec_from_file_location(name, found.origin, loader=self)

    def create_module(self, spec): ...

    def exec_module(self, module):
        exec(Path(module.__file__).read_text(), vars(module))


def test_a_loader_of_several_modules_adjusts_one(finders, adjusted, tmp_path, monkeypatch):
    [ours] = named(finders, "PostImportFinder")
    finders.insert(finders.index(ours) + 1, OneLoader())
    (tmp_path / "perpkit_left_alone.py").write_text("")
    module = importlib.import_module(MODULE)
    monkeypatch.delitem(sys.modules, importlib.import_module("perpkit_left_alone").__name__)
    assert adjusted == [module]

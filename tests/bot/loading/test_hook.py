"""The start-up hook: installed once, and beside finders of any make."""

from __future__ import annotations

import importlib
import os
import sys

import pytest

from perpkit.bot.loading import hook
from tests.conftest import REPOSITORY

PTH = REPOSITORY / "perpkit" / "bot" / "loading" / "perpkit.pth"
MODULE = "perpkit_adjusted_for_a_test"


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


def test_a_finder_without_find_spec_is_passed_over(finders, monkeypatch, tmp_path):
    adjusted = []
    (tmp_path / f"{MODULE}.py").write_text("value = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(hook.ADJUSTED, MODULE, ("plugins", "widen_for_a_test"))
    plugins = importlib.import_module("perpkit.bot.loading.plugins")
    monkeypatch.setattr(plugins, "widen_for_a_test", adjusted.append, raising=False)
    finders[:] = [hook.PostImportFinder(), object(), *finders]
    try:
        module = importlib.import_module(MODULE)
    finally:
        sys.modules.pop(MODULE, None)
    assert module.value == 1
    assert adjusted == [module]

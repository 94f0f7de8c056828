"""The examples in the docstrings of the core run, and every package of it has some."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

import perpkit

PACKAGES = ("breakers", "execution", "market", "parameters", "risk", "signals")


def modules_of(package: str) -> list[str]:
    """The names of the modules in a package of perpkit, at any depth, the package first."""
    name = f"{perpkit.__name__}.{package}"
    found = walk_packages(import_module(name).__path__, f"{name}.")
    return [name, *(module.name for module in found)]


def examples_in(module: str) -> list[doctest.DocTest]:
    """The docstrings of a module that have examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [found for found in finder.find(import_module(module)) if found.examples]


def failures_of(example: doctest.DocTest) -> str:
    """What doctest reports of the examples in a docstring that do not hold."""
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    return "".join(report)


MODULES = ["perpkit.checks", *(name for package in PACKAGES for name in modules_of(package))]
EXAMPLES = [example for module in MODULES for example in examples_in(module)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_runs_as_its_docstring_shows(example):
    assert failures_of(example) == ""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_of_the_core_has_examples(package):
    assert [e.name for e in EXAMPLES if e.name.startswith(f"perpkit.{package}.")]


@pytest.mark.parametrize(
    ("source", "fails"),
    [(">>> 1 + 1\n2", False), (">>> 1 + 1\n3", True), (">>> 1 / 0", True)],
)
def test_an_example_that_does_not_hold_is_reported(source, fails):
    example = doctest.DocTestParser().get_doctest(source, {}, "it", None, None)
    assert bool(failures_of(example)) is fails

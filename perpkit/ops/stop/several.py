"""Stops several accounts at once, each in a process of its own with its own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Thread
from typing import IO

from perpkit.ops.stop.accounts import AccountEntry
from perpkit.ops.stop.report import DONE, MISTAKE, NOT_DONE, Report

# Added to the time limit of an account before its process is killed.
_GRACE_SECONDS = 60


def stop_all(
    entries: Sequence[AccountEntry],
    options: Sequence[str],
    seconds: float,
    say: Callable[[str], None],
) -> list[Report]:
    """Stops the accounts, and returns one report for each.

    :param options: of the command line, for each of them
    :param seconds: the time limit of each
    :param say: receives each line that one of them prints
    """

    def stop(entry: AccountEntry) -> Report:
        if not entry.options:
            return Report(entry.name, mistake=entry.problem)
        report = _in_process(entry, options, seconds + _GRACE_SECONDS, say)
        problems = [entry.problem, *report.problems] if entry.problem else report.problems
        return replace(report, name=entry.name, problems=problems)

    with ThreadPoolExecutor(len(entries)) as pool:
        return list(pool.map(stop, entries))


def exit_code(reports: Sequence[Report]) -> int:
    """Returns 0 if all is well, 2 if there are only mistakes, and 1 otherwise."""
    codes = {report.exit_code for report in reports}
    return next((code for code in (DONE, MISTAKE) if codes == {code}), NOT_DONE)


def _in_process(
    entry: AccountEntry, options: Sequence[str], seconds: float, say: Callable[[str], None]
) -> Report:
    # -P keeps the working directory out of its import path.
    command = [sys.executable, "-P", "-m", "perpkit.cli", "stop", *entry.options, *options]
    try:
        process = subprocess.Popen(  # noqa: S603 - this very command
            [*command, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=entry.folder,
            env={**os.environ, **entry.env},
        )
    except OSError as error:
        return Report(entry.name, problems=[f"no process could be started: {error}"])
    assert process.stdout is not None
    assert process.stderr is not None
    said = Thread(target=_mirror, args=(entry.name, process.stderr, say), daemon=True)
    said.start()
    answer: list[str] = []
    reader = Thread(target=_collect, args=(process.stdout, answer), daemon=True)
    reader.start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return Report(entry.name, problems=[f"its process did not end within {seconds:g} s"])
    for thread in (reader, said):
        thread.join(10)
    try:
        return Report.of(json.loads("".join(answer)))
    except (ValueError, TypeError):
        return Report(entry.name, problems=[f"its process ended with {code}, without a report"])


def _mirror(name: str, lines: IO[str], say: Callable[[str], None]) -> None:
    for line in lines:
        say(f"[{name}] {line.rstrip()}")


def _collect(lines: IO[str], found: list[str]) -> None:
    found.append(lines.read())

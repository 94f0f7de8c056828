"""Stops several accounts at once, each in a process of its own with its own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Thread
from typing import IO

from perpkit.ops.stop.accounts import OF_ITS_PLACES, AccountEntry, environment_of
from perpkit.ops.stop.report import DONE, MISTAKE, NOT_DONE, Report

# Added to the time limit of an account before its process is killed.
_GRACE_SECONDS = 60
_MODE = "FREQTRADE__DRY_RUN"
# Without these, another account, database or latch may be meant.
_DECISIVE = (*OF_ITS_PLACES, "FREQTRADE__EXCHANGE__")


def stop_all(
    entries: Sequence[AccountEntry],
    options: Sequence[str],
    seconds: float,
    say: Callable[[str], None],
    *,
    one_key: bool = False,
) -> list[Report]:
    """Stops the accounts, and returns one report for each.

    :param options: of the command line, for each of them
    :param seconds: the time limit of each
    :param say: receives each line that one of them prints
    :param one_key: whether all bots of the file use one key, which this environment may hold
    """

    def stop(entry: AccountEntry) -> Report:
        if not entry.options:
            return Report(entry.name, mistake=entry.problem)
        environment, without = environment_of(entry.env, os.environ, one_key=one_key)
        may_be_live = any(name.upper() == _MODE for name in without)
        given = [*options, "--may-be-live"] if may_be_live else options
        report = _in_process(entry, environment, given, seconds + _GRACE_SECONDS, say)
        decisive = [name for name in without if name.upper().startswith(_DECISIVE)]
        others = [name for name in without if name not in decisive]
        problems = [entry.problem, _left_out(decisive)]
        return replace(
            report,
            name=entry.name,
            problems=[*filter(None, problems), *report.problems],
            notes=[*filter(None, [_left_out(others)]), *report.notes],
        )

    with ThreadPoolExecutor(len(entries)) as pool:
        return list(pool.map(stop, entries))


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f"{', '.join(names)} of the environment of this command may be of another bot, and did not "
        "count here: put into its env_file what is its own"
    )


def exit_code(reports: Sequence[Report]) -> int:
    """Returns 0 if all is well, 2 if there are only mistakes, and 1 otherwise."""
    codes = {report.exit_code for report in reports}
    return next((code for code in (DONE, MISTAKE) if codes == {code}), NOT_DONE)


def _in_process(
    entry: AccountEntry,
    environment: Mapping[str, str],
    options: Sequence[str],
    seconds: float,
    say: Callable[[str], None],
) -> Report:
    # -P keeps the working directory out of its import path.
    command = [sys.executable, "-P", "-m", "perpkit.cli", "stop", *entry.options, *options]
    try:
        process = subprocess.Popen(  # noqa: S603 - this very command
            [*command, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",  # its env_file may set another encoding: a line more or less is shown
            cwd=entry.folder,
            env=environment,
        )
    except (OSError, ValueError) as error:  # such as for a zero byte in its env_file
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

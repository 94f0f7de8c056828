"""A plug-in of pytest: no test run leaves a secret of `planted` anywhere.

A test does not have to ask for it. Looked at are: every file below pytest's folder, at the end of
the run; temporary folders, before they go; the output of every subprocess; what bots of the bench
have said to their operators; and all that pytest itself has captured, names and failures of tests
included. A finding fails the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.bench.leaks import Leak, leaks_below, leaks_in
from tests.bench.planted import MARK

# A worker of xdist: what it says are reports, which are looked at as such.
_XDIST = "exec(eval(sys.stdin.readline()))"


class Scan:
    """Of one process of the run; findings are in a file that all of its processes share."""

    def __init__(self) -> None:
        self._file = Path(tempfile.gettempdir()) / f"perpkit-leaks-{MARK}.jsonl"

    def look(self, content: str | bytes | None, where: str, first: int = 1) -> None:
        if content:
            given = content.encode("utf-8", "replace") if isinstance(content, str) else content
            self.add(leaks_in(given, where, first))

    def add(self, leaks: list[Leak]) -> None:
        if leaks:
            with self._file.open("a") as file:
                file.writelines(json.dumps(asdict(leak)) + "\n" for leak in leaks)

    def take(self) -> list[Leak]:
        """Of every process, each once."""
        try:
            lines = self._file.read_text().splitlines()
        except FileNotFoundError:
            return []
        self._file.unlink()
        return [Leak(**json.loads(line)) for line in dict.fromkeys(lines)]


def look_at(text: str, what: str) -> None:
    """At something that no file and no output has, such as what a bot said to its operator."""
    Scan().look(text, f"{what} in {_test()}")


class _Pipe:
    """Of a subprocess: what is read of it is looked at."""

    def __init__(self, pipe: Any, scan: Scan, where: str) -> None:
        self._pipe, self._scan, self._where = pipe, scan, where
        self._line = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)

    def __enter__(self) -> _Pipe:
        return self

    def __exit__(self, *args: object) -> None:
        self._pipe.close()

    def __iter__(self) -> Iterator[Any]:
        while line := self.readline():
            yield line

    def read(self, *args: Any) -> Any:
        return self._seen(self._pipe.read(*args))

    def readline(self, *args: Any) -> Any:
        return self._seen(self._pipe.readline(*args))

    def readlines(self, *args: Any) -> Any:
        return [self._seen(line) for line in self._pipe.readlines(*args)]

    def _seen(self, content: Any) -> Any:
        self._scan.look(content, self._where, self._line)
        self._line += content.count("\n" if isinstance(content, str) else b"\n")
        return content


def _watch(scan: Scan) -> list[Any]:
    """Subprocesses and temporary folders of this process; patches that have begun."""
    make, communicate = subprocess.Popen.__init__, subprocess.Popen.communicate
    clean_up = tempfile.TemporaryDirectory.cleanup

    @wraps(make)
    def made(process: Any, args: Any, *more: Any, **options: Any) -> None:
        make(process, args, *more, **options)
        if _XDIST in str(args):
            return
        for name in ("stdout", "stderr"):
            if getattr(process, name) is not None:
                pipe = _Pipe(getattr(process, name), scan, _output(name, args))
                setattr(process, name, pipe)

    @wraps(communicate)
    def communicated(process: Any, *args: Any, **options: Any) -> Any:
        answer = communicate(process, *args, **options)
        for name, content in zip(("stdout", "stderr"), answer, strict=True):
            scan.look(content, _output(name, process.args))
        return answer

    @wraps(clean_up)
    def cleaned_up(folder: Any) -> None:
        scan.add(leaks_below(Path(folder.name)))
        clean_up(folder)

    patches = [
        mock.patch.object(subprocess.Popen, "__init__", made),
        mock.patch.object(subprocess.Popen, "communicate", communicated),
        mock.patch.object(tempfile.TemporaryDirectory, "cleanup", cleaned_up),
    ]
    for patch in patches:
        patch.start()
    return patches


def _output(name: str, args: Any) -> str:
    words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
    command = " ".join(str(os.fsdecode(w) if isinstance(w, bytes) else w) for w in words)[:200]
    return f"{name} of {command!r} in {_test()}"


def _test() -> str:
    return os.environ.get("PYTEST_CURRENT_TEST", "no test").split(" (")[0]


class _Plugin:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._scan = Scan()
        self._leaks: list[Leak] = []
        for patch in _watch(self._scan):
            config.add_cleanup(patch.stop)

    @property
    def _works_for_another(self) -> bool:
        """A worker of xdist: the process that prints looks at the files of all."""
        return hasattr(self._config, "workerinput")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not self._works_for_another:
            # Of a failure what was raised: pytest shows arguments beside it, a test's own secrets.
            raised = "\n".join(
                line for line in report.longreprtext.splitlines() if line.startswith("E ")
            )
            texts = (("name", report.nodeid), ("error", raised), *report.sections)
            for title, text in texts:
                self._scan.look(text, f"{title} of {report.nodeid}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._works_for_another:
            factory = self._config._tmp_path_factory  # type: ignore[attr-defined]
            self._leaks = [*self._scan.take(), *leaks_below(factory.getbasetemp())]
            if self._leaks and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._leaks:
            terminalreporter.section("leaked secrets", red=True, bold=True)
            for leak in self._leaks:
                terminalreporter.line(str(leak))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Plugin(config), "perpkit-leak-scan")

"""Commands of README and docs, as a reader types them: see tests/bench/page_commands.py."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration.load_config import load_config_file
from freqtrade.misc import deep_merge_dicts
from freqtrade.rpc.telegram import Telegram

from perpkit.venue.overlay import overlay
from tests.bench import page_commands as listed
from tests.bench import pages
from tests.bench.planted import ACCOUNTS
from tests.bench.process import Process
from tests.bench.web import unused_port
from tests.cases import SLOW
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.integration

MODULES = {"perpkit": "perpkit.cli", "freqtrade": "freqtrade"}
GETTING_STARTED = REPOSITORY / "docs/getting-started.md"


def printed() -> set[str]:
    """By all pages."""
    found = pages.pages(REPOSITORY)
    return {each for page in found for each in pages.shell((REPOSITORY / page).read_text())}


def rehearsal() -> str:
    """A section of getting started."""
    section = GETTING_STARTED.read_text().partition(f"\n{listed.REHEARSAL}\n")[2]
    return section.partition("\n## ")[0]


def groups() -> dict[str, set[str]]:
    names = ("COPIES", "BY_A_READER", "LONGER", "ONGOING", "BESIDE_A_BOT", "AFTER_A_BOT")
    run = {name: set(getattr(listed, name)) for name in names}
    not_run = {why: set(commands) for why, commands in listed.NOT_RUN.items()}
    return run | not_run | {"rehearsal": set(pages.shell(rehearsal()))}


def test_every_command_of_a_page_is_run_or_says_why_not():
    known = set().union(*groups().values())
    assert sorted(printed() - known) == []
    assert sorted(known - printed()) == []


def test_a_command_is_in_one_group():
    counted = [command for commands in groups().values() for command in commands]
    assert sorted({each for each in counted if counted.count(each) > 1}) == []


@pytest.mark.parametrize("why", listed.NOT_RUN, ids=str)
def test_what_is_named_in_place_of_a_command_is_there(why):
    assert all((REPOSITORY / path).exists() for path in re.findall(r"tests/[\w/.]*\w", why))


class Place:
    """A folder of a reader. What is started there ends with it.

    :param made: by what is printed for it, such as the file that a placeholder stands for
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._set: list[str] = []
        self._running: list[Process] = []
        # Those of the pages may be taken.
        self._ports = {"8900": str(unused_port()), "8080": str(unused_port())}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        port = self._ports["8080"]
        self._env = {"PATH": path, "COLUMNS": "200", "FREQTRADE__API_SERVER__LISTEN_PORT": port}

    def run(self, command: str, *codes: int) -> str:
        """What it prints, or the end of it behind an exit code that is not allowed.

        :param codes: allowed beside 0
        """
        if re.match(r"[A-Z]+=", command):
            self._set.append(self._here(command))
            return ""
        done = subprocess.run(
            ["bash", "-c", "\n".join([*self._set, self._here(command)])],
            cwd=self.folder,
            env={**os.environ, **self._env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode not in (0, *codes):
            return f"exit code {done.returncode} of {command}: {done.stdout[-3000:]}"
        return done.stdout

    def start(self, command: str) -> Process:
        program, *words = shlex.split(self._here(command))
        if words[0] == "venue" and "--port" not in words:
            words += ["--port", self._ports["8900"]]
        process = Process(words, module=MODULES[program], cwd=self.folder, env=self._env)
        self._running.append(process)
        return process

    def end(self) -> None:
        for process in self._running:
            process.close()

    def write(self, name: str, content: Mapping[str, Any] | str) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text)

    def read(self, *names: str) -> dict[str, Any]:
        """Configuration files, one over the other."""
        whole: dict[str, Any] = {}
        for name in names:
            whole = deep_merge_dicts(load_config_file(str(self.folder / name)), whole)
        return whole

    def _here(self, command: str) -> str:
        for example, own in (listed.EXAMPLES | self._exports()).items():
            command = command.replace(example, own)
        for port, own in self._ports.items():
            command = command.replace(f":{port}", f":{own}")
        return command

    def _exports(self) -> dict[str, str]:
        results = Path("user_data/backtest_results")
        found = sorted(path.name for path in (self.folder / results).glob("*.zip"))
        if not found:
            return {}
        newest = str(results / found[-1])
        return {
            "THE_ONE_BEFORE.zip": str(results / found[-2:][0]),
            "LAST.zip": newest,
            f"{results}/backtest-result-….zip": newest,
            "backtest-result-….zip": newest,
        }


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """With what a reader's folder has beside the pages."""
    for name in ("config.json.example", "config.bybit.json.example", ".env.example"):
        shutil.copy(REPOSITORY / name, folder / name)
    for name in ("user_data", "docs"):
        (folder / name).mkdir()
    made = Place(folder)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def reader(venue_url, stored, tmp_path_factory):
    """Who has a configuration, which leads to the venue, and candles."""
    folder = tmp_path_factory.mktemp("reader")
    data = folder / "user_data/data/binance"
    with place(folder) as made:
        shutil.copytree(stored, data)
        redirect = overlay(venue_url, folder / "rehearsal", accounts=ACCOUNTS)
        made.write("venue.json", {**redirect, "datadir": str(data)})
        made.write("config.json", made.read("config.json.example", "venue.json"))
        yield made


def test_the_keyboard_of_the_recipe_is_one_that_freqtrade_takes():
    text = (REPOSITORY / "docs/getting-started.md").read_text()
    (settings,) = re.findall(r"^\"telegram\": (\{.*?^\})", text, re.DOTALL | re.MULTILINE)
    telegram = object.__new__(Telegram)
    telegram._config = {"telegram": json.loads(settings)}
    telegram._init_keyboard()
    assert telegram._keyboard == json.loads(settings)["keyboard"]


def test_copies(tmp_path):
    with place(tmp_path) as made:
        for command in listed.COPIES:
            assert made.run(command) == ""
            source, copy = command.split()[1:]
            assert (tmp_path / copy).read_text() == (REPOSITORY / source).read_text()


@pytest.mark.parametrize("command", listed.BY_A_READER, ids=str)
def test_a_reader_runs(reader, command):
    assert unlike({command: reader.run(command)}, listed.BY_A_READER) == {}


@SLOW
@pytest.mark.parametrize("command", listed.LONGER, ids=str)
def test_a_reader_runs_what_takes_longer(reader, command):
    assert unlike({command: reader.run(command)}, listed.LONGER) == {}


@SLOW
@pytest.mark.parametrize("command", listed.ONGOING, ids=str)
def test_what_goes_on_until_it_is_ended(reader, tmp_path, command):
    with place(tmp_path) as made:
        api = {"enabled": True, "password": "of-the-test", "jwt_secret_key": 32 * "x"}
        whole = deep_merge_dicts({"api_server": api}, reader.read("config.json"))
        made.write("config.json", whole)
        process = made.start(command)
        process.wait_for(listed.ONGOING[command])
        process.end(signal.SIGINT)


# Of `perpkit doctor`, since the venue's key works from every address and is in a file, and of
# `perpkit stop` that has nothing left to do.
CODES = (1,)
# What the bot says after a command of the rehearsal.
FOLLOWS = {
    '"pair": "BTC/USDT:USDT", "side": "long"': "'type': entry_fill",
    '"change": -0.03': "HALTED: DrawdownBreaker",
    "DELETE $BOT/locks": "DrawdownBreaker has released",
    '"change": -0.12': "REDUCING: FlashCrashBreaker",
}
# A part of what others print.
PRINTS = {
    "perpkit state $FILES": "TrendFollowing, live, running",
    "perpkit why BTC $FILES": "a halt",
    "perpkit why ETH $FILES": "no entry (a breaker)",
    "perpkit why --by-reason $FILES": "halted",
    "curl -u perpkit:rehearsal $BOT/locks": "DrawdownBreaker halted",
    '"pair": "ETH/USDT:USDT"': "Failed to enter position",
}


@SLOW
@pytest.mark.timeout(900)
def test_the_rehearsal_of_getting_started_goes_as_the_page_says(tmp_path):
    with place(tmp_path) as made:
        made.run("cp config.json.example config.json")
        (settings,) = re.findall(r"```json\n(.*?)```", rehearsal(), re.DOTALL)
        made.write("rehearse.json", settings)
        bot = None
        for command in pages.shell(rehearsal()):
            if command.startswith("perpkit venue"):
                made.start(command).wait_for("venue listening")
            elif command.startswith("freqtrade trade"):
                bot = made.start(command)
                bot.wait_for("Bot heartbeat")
            else:
                shown = made.run(command)
                assert not shown.startswith("exit code "), shown
                assert all(text in shown for part, text in PRINTS.items() if part in command)
                for text in (text for part, text in FOLLOWS.items() if part in command):
                    bot.wait_for(text, 60)
        whole = made.read("config.json", "rehearse.json", "live.json")
        made.write("config.json", whole)
        made.write("private.json", {})
        beside = {command: made.run(command, *CODES) for command in listed.BESIDE_A_BOT}
        assert unlike(beside, listed.BESIDE_A_BOT) == {}
        bot.end()
        after = {command: made.run(command) for command in listed.AFTER_A_BOT}
        assert unlike(after, listed.AFTER_A_BOT) == {}


def unlike(shown: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The ends of what was printed without what was wanted, or with a failure."""
    failed = (each for each, text in shown.items() if text.startswith("exit code "))
    without = (each for each, text in shown.items() if wanted[each] not in text)
    return {each: shown[each][-800:] for each in (*failed, *without)}

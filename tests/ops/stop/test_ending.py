"""The process of a bot is found by the files that it has open, and ended."""

from __future__ import annotations

import signal

import psutil
import pytest

from perpkit.ops.stop.ending import bot_processes, end, is_bot, is_stopped
from tests.bench.freqtrade_like import freqtrade_like


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/usr/bin/python3 /usr/local/bin/freqtrade trade -c config.json", True),
        ("python -m freqtrade trade", True),
        ("python -X dev -m freqtrade --no-color trade", True),
        (r"freqtrade.exe trade", True),
        ("freqtrade backtesting --strategy trade", False),
        ("freqtrade webserver", False),
        ("python -m perpkit.cli stop", False),
        ("sqlite3 tradesv3.sqlite", False),
        ("vim trade freqtrade", False),
        ("", False),
    ],
)
def test_a_bot_is_told_by_its_command_line(command, expected):
    assert is_bot(command.split()) is expected


def test_only_who_has_its_files_open_is_the_bot(tmp_path):
    ours, others = tmp_path / "ours.lock", tmp_path / "others.lock"
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    with (
        freqtrade_like(tmp_path / "a", ours) as bot,
        freqtrade_like(tmp_path / "b", others),
        freqtrade_like(tmp_path / "c", ours, name="perpkit", command="stop"),
    ):
        assert [p.pid for p in bot_processes([ours, tmp_path / "absent", None])] == [bot.pid]
        link = tmp_path / "link"  # the same file by another name, as in another container
        link.hardlink_to(ours)
        assert [p.pid for p in bot_processes([link])] == [bot.pid]
    assert bot_processes([ours]) == []
    assert bot_processes([None]) == []


@pytest.mark.parametrize(
    ("deaf", "stopped", "words", "code"),
    [
        (False, False, "ended by SIGINT", 0),
        (True, False, "killed", -signal.SIGKILL),
        (False, True, "killed", -signal.SIGKILL),
        (True, True, "killed", -signal.SIGKILL),
    ],
)
def test_it_is_ended(tmp_path, deaf, stopped, words, code):
    with freqtrade_like(tmp_path, deaf=deaf) as bot:
        process = psutil.Process(bot.pid)
        if stopped:
            bot.send_signal(signal.SIGSTOP)
            while not is_stopped(process):
                pass
        # One that its parent has not looked after is there as a zombie: this very process is one's.
        assert end(process, clean_seconds=0.5 if deaf else 10) == f"process {bot.pid} {words}"
        bot.send_signal(signal.SIGCONT)
        assert bot.wait(10) == code


def test_one_that_has_ended_is_no_error(tmp_path):
    with freqtrade_like(tmp_path) as bot:
        process = psutil.Process(bot.pid)
        bot.kill()
        bot.wait()
        assert end(process) == f"process {bot.pid} had ended"


def test_one_that_does_not_end_is_an_error(tmp_path, monkeypatch):
    """As one that waits for a disk, or for a debugger."""
    monkeypatch.setattr("perpkit.ops.stop.ending._KILL_SECONDS", 0.1)
    monkeypatch.setattr(psutil.Process, "kill", lambda _: None)
    with freqtrade_like(tmp_path, deaf=True) as bot:
        with pytest.raises(OSError, match="does not end"):
            end(psutil.Process(bot.pid), clean_seconds=0.1)
        assert bot.poll() is None


def test_the_first_process_of_a_container_is_killed_from_outside_only(tmp_path, monkeypatch):
    with freqtrade_like(tmp_path, deaf=True) as bot:
        monkeypatch.setattr("perpkit.ops.stop.ending._INIT", bot.pid)
        with pytest.raises(OSError, match="docker kill"):
            end(psutil.Process(bot.pid), clean_seconds=0.1)
        assert bot.poll() is None


def test_one_of_another_user_is_an_error(tmp_path, monkeypatch):
    def denied(self, *given):
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "send_signal", denied)
    with (
        freqtrade_like(tmp_path) as bot,
        pytest.raises(OSError, match=r"belongs to user .* cannot be ended"),
    ):
        end(psutil.Process(bot.pid))

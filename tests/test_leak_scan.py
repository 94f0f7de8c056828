"""A secret of the run that turns up somewhere fails the run: see tests/bench/leak_scan.py."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

from tests.bench import leak_scan, leaks
from tests.bench.planted import KEY, MARK, SECRET, SWITCHED_OFF, TELEGRAM_TOKEN
from tests.conftest import REPOSITORY

# A test session of its own, with secrets of its own; each of its tests leaks one.
LEAKING = """
import logging, subprocess, sys, tempfile
from pathlib import Path
from tests.bench.planted import API_PASSWORD, KEY, PASSPHRASE, PASSWORD, SECRET, TELEGRAM_TOKEN

def test_file(tmp_path):
    (tmp_path / "bot.log").write_text(f"one\\ntwo\\nGET /order?apiKey={KEY}&x=1\\n")

def test_temporary_folder():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "state.json").write_text(SECRET)

def test_subprocess():
    subprocess.run([sys.executable, "-c", f"print(); print('token {TELEGRAM_TOKEN}')"],
        capture_output=True)

def test_lines_of_a_subprocess():
    code = f"import sys; print('a', file=sys.stderr); print('{API_PASSWORD}', file=sys.stderr)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        list(process.stderr)

def test_output():
    print("password is", PASSWORD)

def test_log():
    logging.getLogger("bot").error("key file opened with %s", PASSPHRASE)
"""
SOUND = """
import json
from tests.bench.planted import ACCOUNTS, KEY, SECRET, SWITCHED_OFF

def test_configuration(tmp_path):
    config = {"exchange": {"key": KEY, "secret": SECRET}, **SWITCHED_OFF}
    (tmp_path / "config.json").write_text(json.dumps({**config, "perpkit_venue": ACCOUNTS and {
        "accounts": ACCOUNTS}}))
"""


def session(folder: Path, content: str, *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_inner.py").write_text(content)
    inner = folder / "inner"
    command = [sys.executable, "-m", "pytest", "-p", "tests.bench.leak_scan", "-q", *more]
    return subprocess.run(
        [*command, f"--basetemp={inner}", "--import-mode=importlib", str(folder)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), *sys.path))),
            "PERPKIT_TEST_RUN": "0123456789ab",
            "TMPDIR": str(folder),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["alone", "with xdist"])
def test_each_way_to_leak_fails_the_run(tmp_path, more):
    result = session(tmp_path, LEAKING, *more)
    assert "6 passed" in result.stdout
    assert result.returncode == 1
    found = result.stdout.split("leaked secrets")[1]
    for place in (
        r"/test_file0/bot\.log:3: KEY in: GET /order\?apiKey=<secret>&x=1",
        r"/state\.json:1: SECRET in: <secret>",
        r"stdout of .* in .*::test_subprocess:2: TELEGRAM_TOKEN in: token 1:<secret>",
        r"stderr of .* in .*::test_lines_of_a_subprocess:2: API_PASSWORD in: <secret>",
        r"Captured stdout call of .*::test_output:1: PASSWORD in: password is <secret>",
        r"Captured log call of .*::test_log:1: PASSPHRASE in: .*opened with <secret>",
    ):
        assert re.search(place, found), place
    # Itself it names no secret.
    assert "plant0123456789ab" not in result.stdout


def test_a_configuration_may_hold_its_own(tmp_path):
    result = session(tmp_path, SOUND)
    assert (result.returncode, "leaked" in result.stdout) == (0, False), result.stdout


def where(content: bytes) -> list[tuple[int, str]]:
    return [(leak.line, leak.what) for leak in leaks.leaks_in(content, "here")]


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
def test_in_base64(before):
    header = b64encode(f"{before}{SECRET}".encode())
    assert where(b"GET /\nAuthorization: Basic " + header) == [(2, "a part of one")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"nothing\n", []),
        (KEY.encode(), [(1, "KEY")]),
        (f"a\n\n{SECRET} {KEY}\nb {KEY}".encode(), [(3, "SECRET"), (4, "KEY")]),
        (f"x{KEY[:20]}...".encode(), [(1, "a part of one")]),
        (TELEGRAM_TOKEN.encode(), [(1, "TELEGRAM_TOKEN")]),
        (b"\0\xff" + KEY.encode() + b"\xff", [(1, "KEY")]),
        (MARK[:-1].encode(), []),
    ],
    ids=range(8),  # not by their values
)
def test_in_a_line(content, expected):
    assert where(content) == expected


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("config.json", {**SWITCHED_OFF, "exchange": {"key": KEY, "secret": SECRET}}, 0),
        ("config.json", {"exchange": {"key": KEY, "uid": SECRET}}, 1),
        ("config.json", {"config": {"exchange": {"key": KEY}}}, 1),
        ("config.json", [KEY], 1),
        ("config.log", {"exchange": {"key": KEY}}, 1),
        ("bot.env", {"FREQTRADE__EXCHANGE__KEY": KEY}, 0),
        # What Perpkit writes is no configuration.
        ("user_data/perpkit/latch/main.live.json", {"exchange": {"key": KEY}}, 1),
    ],
)
def test_in_a_file(name, content, count, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    found = leaks.leaks_in_file(path, name)
    path.unlink()
    assert len(found) == count
    assert KEY not in str(found)


def test_in_archives(tmp_path):
    zipped, gzipped = tmp_path / "results.zip", tmp_path / "log.gz"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", f"\n{KEY}")
        archive.writestr("b_config.json", json.dumps(SWITCHED_OFF["api_server"]))
        archive.writestr("c_config.json", json.dumps(SWITCHED_OFF))
    gzipped.write_bytes(gzip.compress(SECRET.encode()))
    found = [str(leak) for path in (zipped, gzipped) for leak in leaks.leaks_in_file(path, "x")]
    zipped.unlink()
    gzipped.unlink()
    assert [re.sub(" in: .*", "", text) for text in found] == [
        "x!config.json:2: KEY",
        "x!b_config.json:6: API_PASSWORD",
        "x!b_config.json:7: JWT_SECRET",
        "x!c_config.json:4: TELEGRAM_TOKEN",
        "x!c_config.json:12: API_PASSWORD",
        "x:1: SECRET",
    ]


def test_this_run_is_looked_at(request):
    assert isinstance(
        request.config.pluginmanager.get_plugin("perpkit-leak-scan"), leak_scan._Plugin
    )

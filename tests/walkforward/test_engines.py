"""A worker of this machine ends with the process that has started it, also where that is killed."""

from __future__ import annotations

import subprocess
import sys

import psutil

from tests.conftest import REPOSITORY

WORKER = """
import os, sys, threading
from perpkit.walkforward import engines
threading.Thread(target=engines._end_after, args=(os.getppid(),), daemon=True).start()
print(os.getpid(), flush=True)
read, write = os.pipe()
os.write(write, bytes(10_000_000))  # that it would have to read itself
"""
FIRST = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_a_worker_that_waits_ends_after_the_first_process():
    first = subprocess.Popen(
        [sys.executable, "-c", FIRST, WORKER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        assert first.stdout is not None
        worker = psutil.Process(int(first.stdout.readline()))
    finally:
        first.kill()
        first.wait(60)
    try:
        worker.wait(60)
    finally:
        if worker.is_running():
            worker.kill()

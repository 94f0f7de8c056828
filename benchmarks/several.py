"""Runs several commands of Freqtrade in one process, one after the other, without a network.

`python -m benchmarks.several FILE`, with a JSON list of the arguments of each. Saves the imports of
all but the first, and shows whether a run leaves something to the next one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from freqtrade.main import main

from benchmarks.offline import offline


def run_all(commands: list[list[str]]) -> None:
    for number, arguments in enumerate(commands):
        print(f"command {number}", flush=True)
        try:
            main(arguments)
        except SystemExit as ended:
            if ended.code:
                print(f"command {number} failed", flush=True)


if __name__ == "__main__":
    offline()
    run_all(json.loads(Path(sys.argv[1]).read_text()))

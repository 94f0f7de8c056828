"""The newest window's parameters as a file in Freqtrade's format, which nothing reads by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from perpkit.files.own_file import check_own
from perpkit.files.whole_file import put
from perpkit.walkforward.record import Run
from perpkit.walkforward.run_directory import plain

VERDICT = "perpkit_verdict"


def proposal(run: Run, verdict: Mapping[str, Any], made: datetime) -> dict[str, Any]:
    """Returns a parameter file of Freqtrade with what is to be said of it.

    :param run: a complete one, with parameters that were optimised
    :param verdict: what the tests of all windows show; Freqtrade ignores it
    :raises ValueError: if nothing was chosen
    """
    if not run.request.epochs:
        raise ValueError("propose needs parameters that were optimised: epochs must be above 0")
    newest = run.results[-1]
    if newest.chosen is None:
        raise ValueError("propose needs parameters: in the newest window no epoch was good enough")
    return {
        "strategy_name": run.request.strategy,
        "params": plain(newest.parameters),
        "ft_stratparam_v": 1,
        "export_time": made.isoformat(),
        VERDICT: {"window": plain(vars(newest.window)), **plain(verdict)},
    }


def check_place(path: Path, strategy: str) -> None:
    """
    :raises ValueError: for a folder, for a file that is no proposal, and for a name under which
        Freqtrade would read it
    :raises OSError: if what is there cannot be read
    """
    check_own(path, "propose", "an earlier proposal", VERDICT.encode())
    if path.with_suffix(".py").exists() or path.name == f"{strategy}.json":
        raise ValueError(
            f"propose must not be a strategy's parameter file, which would be in force, got {path}"
        )


def write_proposal(path: Path, content: Mapping[str, Any]) -> None:
    """
    :raises ValueError: as `check_place`
    :raises OSError: if it cannot be written
    """
    check_place(path, content["strategy_name"])
    put(path, (json.dumps(content, indent=2) + "\n").encode())

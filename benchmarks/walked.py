"""Walk-forward of the package's strategies on the real candles: `python -m benchmarks.walked`.

    python -m benchmarks.walked [NAME...] [--epochs N] [--out DIR]

Twelve months of training, three of test, 2021 to 2023, five pairs, 1h, breakers on, 0.05% fee and
0.02% slippage a side. A run goes on where it was stopped, by the same state of Perpkit; one that
is finished is read. Hours of one core for all of them. The table is on docs/evidence/strategies.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from freqtrade.configuration.load_config import load_from_files
from freqtrade.misc import deep_merge_dicts

from benchmarks.backtests import DATA, HOUR, REPOSITORY, candles, freqtrade, own_settings
from benchmarks.offline import offline
from perpkit.ops.verdict import tried
from perpkit.research.holding import holding
from perpkit.walkforward.asked import settings_of
from perpkit.walkforward.deciding import made_with
from perpkit.walkforward.run_directory import (
    REQUEST,
    difference,
    is_done,
    read_request,
    read_run,
)
from perpkit.walkforward.stitching import stitched_equity
from perpkit.walkforward.verdict import Verdict, verdict

PERIOD = "20210101-20240101"
COST = 0.0007
SPACES, LOSS = ("buy", "sell"), "PerpHyperOptLoss"
OWN = REPOSITORY / "strategies"


@dataclass(frozen=True)
class Walk:
    """:param settings: on top of config.json.example and the five pairs"""

    strategy: str
    settings: dict[str, Any] = field(default_factory=dict)


def _confluence(**given: Any) -> dict[str, Any]:
    return {"max_open_trades": 5, "perpkit": {"confluence": given}}


WALKS = {
    "TrendFollowing": Walk("TrendFollowing", {"max_open_trades": 10}),
    "RsiSmaSwing": Walk("RsiSmaSwing"),
    "FundingTide": Walk("FundingTide"),
    "Confluence, any": Walk("Confluence", _confluence()),
    "Confluence, agree": Walk("Confluence", _confluence(rule="agree")),
    "CrossPairRank, 5 pairs": Walk(
        "CrossPairRank", {"max_open_trades": 10, "perpkit": {"ranking": {"min_pairs": 5}}}
    ),
}
HEAD = ("", "Sharpe (95%)", "drawdown", "profit factor", "trades", "2021, 2022, 2023", "kept",
        "luck alone", "variants tried", "luck of all", "PSR", "DSR", "PBO", "verdict")  # fmt: skip


def walk(name: str, epochs: int, out: Path) -> Path:
    """Runs or finishes a walk-forward, and returns its directory."""
    one, directory = WALKS[name], out / name.replace(", ", "-").replace(" ", "-")
    settings = {"fee": COST, **one.settings}
    if _is_finished(directory, epochs, settings):
        return directory
    userdir = out / "userdir" / directory.name
    userdir.mkdir(parents=True, exist_ok=True)
    command = freqtrade("walkforward", one.strategy, OWN, userdir, settings, DATA)
    command[command.index("benchmarks.offline")] = "benchmarks.walked"
    asked = ["--timerange", PERIOD, "--jobs", "1", "--out", str(directory)]
    if epochs:
        asked += ["--epochs", str(epochs), "--spaces", ",".join(SPACES),
                  "--hyperopt-loss", LOSS]  # fmt: skip
    # Its own table is not to stand between the rows of this one.
    subprocess.run([*command, *asked], cwd=REPOSITORY, check=True, stdout=sys.stderr)
    return directory


def _is_finished(directory: Path, epochs: int, settings: dict[str, Any]) -> bool:
    """Whether all windows of such a run are there; they are read as they are, and it says what
    made them."""
    if not (directory / REQUEST).is_file():
        return False
    asked = read_request(directory)
    done = all(is_done(directory, window.number) for window in asked.windows)
    wanted = replace(
        asked,
        epochs=epochs,
        spaces=SPACES if epochs else (),
        loss=LOSS if epochs else "",
        settings={**asked.settings, **_kept(settings)},
    )
    if not done or difference(asked, wanted):
        return False
    here = asked.made_with == made_with(searching=epochs > 0)
    state = "this state" if here else "another state"
    print(f"{directory} is finished, by {state} of Perpkit and Freqtrade.", file=sys.stderr)
    return True


def _kept(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of the files as a request has them; Freqtrade adds others."""
    config = load_from_files([str(REPOSITORY / "config.json.example")])
    kept = settings_of(deep_merge_dicts(own_settings(settings), config))
    return {name: value for name, value in kept.items() if name != "strategy"}  # of the command


def judged(directory: Path) -> Verdict:
    """By all that was tried on these days, as far as the log has it."""
    run = read_run(directory)
    times = stitched_equity(run.results).index
    hold = holding(times, list(candles().values()), HOUR)
    return verdict(run, ideas=tried(run, None).variants, hold=hold)


def row(name: str, found: Verdict) -> str:
    made, span = found.stitched, found.sharpe
    years = ", ".join(f"{value:+.1%}" for value in found.years.values())
    cells = [
        name,
        f"{made.sharpe:.2f}" + (f" ({span.low:.1f} to {span.high:.1f})" if span else ""),
        f"{made.max_drawdown:.1%}",
        "" if found.trades.profit_factor is None else f"{found.trades.profit_factor:.2f}",
        str(found.trades.trades),
        years,
        _share(found.kept),
        f"{found.gate.alone:.1%}",
        f"{found.gate.ideas:,.0f}",
        f"{found.gate.luck:.0%}",
        _share(found.gate.probabilistic),
        _share(found.gate.deflated),
        _share(found.overfitting),
        found.word.value,
    ]
    return f"| {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="walked", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WALKS))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("bench/walked"))
    given = parser.parse_args()
    if unknown := set(given.names) - WALKS.keys():
        parser.error(f"there is no {unknown.pop()!r}")
    out = given.out.absolute()
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for name in given.names or WALKS:
        print(row(name, judged(walk(name, given.epochs, out))), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["walkforward"]:  # the command itself, without a network
        offline()
        from perpkit.cli import main as perpkit

        perpkit()
    else:
        main()

"""The checks, in the order in which they run: those on which later ones depend come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from perpkit.ops.doctor import (
    database,
    discovery,
    disk,
    parameter_files,
    past_runs,
    running,
    seams,
    settings,
    software,
    stored_data,
    strategy,
    tiers,
)
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.doctor.online import ONLINE


@dataclass(frozen=True)
class Check:
    """A check of the doctor.

    :param name: as it is shown
    :param find: returns at least one finding, also if all is in order
    :param online: whether it queries the exchange, or anything else on a network
    """

    name: str
    find: Callable[[Context], Iterable[Finding]]
    online: bool = False


CHECKS: tuple[Check, ...] = (
    Check("software", software.check),
    Check("discovery", discovery.check),
    Check("contracts", seams.check),
    Check("configuration", settings.check_config),
    Check("rate limit", settings.check_rate_limit),
    Check("strategy", strategy.check_strategy),
    Check("options", strategy.check_options),
    Check("protections", strategy.check_protections),
    Check("pairlists", strategy.check_pairlists),
    Check("parameters", parameter_files.check),
    Check("data directory", stored_data.check_place),
    Check("candles", stored_data.check_candles),
    Check("leverage tiers", tiers.check),
    Check("disk", disk.check),
    Check("database", database.check_file),
    Check("database use", database.check_purpose),
    Check("stop latch", running.check_latch),
    Check("journal", running.check_journal),
    Check("bot", running.check_bot),
    Check("past runs", past_runs.check),
    *(Check(name, check, online=True) for name, check in ONLINE),
)

"""Checks a bot's API key, for `perpkit keys check` and other commands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.keys.facts import read_facts
from perpkit.ops.keys.finding import KeyFinding
from perpkit.ops.keys.storage import storage_finding
from perpkit.ops.keys.verdict import ROTATE_AFTER_DAYS, verdict


def key_findings(
    config: BotConfig,
    client: Any,
    *,
    now: datetime | None = None,
    rotate_after_days: int = ROTATE_AFTER_DAYS,
) -> list[KeyFinding]:
    """Runs every check and returns all results, also those without complaint, in a fixed order.

    A refusal or missing answer of the exchange becomes a finding; it raises no error.

    :param client: from `exchange.exchange_client`, with the key to check
    """
    facts, moment = read_facts(client), now or datetime.now(UTC)
    of_key = verdict(facts, config.config, moment, rotate_after_days=rotate_after_days)
    return [*of_key, storage_finding(config)]

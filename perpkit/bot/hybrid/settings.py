"""The settings of a strategy with a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from perpkit.bot.positions.parameters import Settings
from perpkit.learning.targets import BarrierRule
from perpkit.learning.vote import VoteRule


class Task(StrEnum):
    OUTCOME = "outcome"
    FORWARD_RETURN = "forward_return"
    ACTION = "action"


@dataclass(frozen=True)
class HybridRule(VoteRule):
    """The vote, and what the model is asked."""

    task: Annotated[
        Task,
        "What the model learns: whether an entry of the rule's side pays, the return ahead, or to "
        "act, for reinforcement learners",
    ] = Task.OUTCOME


@dataclass(frozen=True)
class HybridSettings(Settings):
    """Settings with the vote and the label; the label's horizon is FreqAI's own setting,
    `label_period_candles`."""

    hybrid: HybridRule = field(default_factory=HybridRule)
    label: BarrierRule = field(default_factory=BarrierRule)

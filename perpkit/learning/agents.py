"""Agents of Stable-Baselines3 that decide together. Needs the extra `rl`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from perpkit.learning.averaging import Vote, vote
from perpkit.learning.sequences import sequences

# Observations that are judged at a time: each holds all rows of its window.
_AT_A_TIME = 1024


class Agents:
    """Trained agents of one kind, such as PPO, which differ by their seed.

    They are pickled as the archives that Stable-Baselines3 writes, without their environments.

    :param agents: with a policy over discrete actions
    """

    def __init__(self, agents: Sequence[Any]) -> None:
        if not agents:
            raise ValueError("agents must be at least one, got none")
        self.agents = tuple(agents)

    def decide(self, features: Any, window: int) -> Vote:
        """Returns the action of each row, and how sure they are of it.

        :param features: one row each, in order of time; the first `window` - 1 rows lack some of
            what an agent observes
        :param window: rows of an observation
        """
        rows = sequences(np.asarray(features, dtype=np.float32), window)
        return vote([_probabilities(agent, rows) for agent in self.agents])

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self.agents[0])
        return {
            "module": kind.__module__,
            "name": kind.__name__,
            "archives": [_archive(agent) for agent in self.agents],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        kind = getattr(import_module(state["module"]), state["name"])
        archives = state["archives"]
        self.agents = tuple(kind.load(BytesIO(each), device="cpu") for each in archives)


def _probabilities(agent: Any, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    policy = agent.policy
    policy.set_training_mode(False)
    parts = []
    with torch.no_grad():
        for begin in range(0, len(rows), _AT_A_TIME):
            seen = torch.from_numpy(rows[begin : begin + _AT_A_TIME].copy()).to(policy.device)
            parts.append(policy.get_distribution(seen).distribution.probs.cpu().numpy())
    if not parts:
        return np.empty((0, int(agent.action_space.n)))
    return np.concatenate(parts).astype(np.float64)


def _archive(agent: Any) -> bytes:
    file = BytesIO()
    agent.save(file)
    return file.getvalue()

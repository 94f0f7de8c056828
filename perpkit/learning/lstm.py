"""A small LSTM that reads the last candles' features and scores whether an entry pays.

Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9 (1997). It is trained on
one processor thread, from a seed: the same rows give the same weights. The last part of its rows,
after a gap of the label's horizon, is held out to tell when to stop; the weights of the best epoch
are kept. Needs PyTorch (extra `lstm`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from perpkit.learning.classifier import purged
from perpkit.learning.sequences import sequences
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

logger = logging.getLogger(__name__)

# Rows that are scored at a time: a sequence of each is in memory.
_AT_A_TIME = 4096


@dataclass(frozen=True)
class LstmSettings(Parameters):
    """The size of the model, and how it is trained."""

    hidden: Annotated[int, Range(1, 512), "Width of the memory"] = 16
    layers: Annotated[int, Range(1, 4), "Layers of the LSTM"] = 1
    dropout: Annotated[float, Range(0, 0.9), "Share of the memory that is dropped in training"] = (
        0.2
    )
    learning_rate: Annotated[float, Range(1e-6, 1), "Of AdamW"] = 0.003
    weight_decay: Annotated[float, Range(0, 1), "Of AdamW"] = 0.01
    batch_size: Annotated[int, Range(1, 8192, "rows"), "Rows of a step"] = 128
    epochs: Annotated[int, Range(1, 1000), "The most passes over the rows"] = 40
    patience: Annotated[
        int, Range(1, "epochs"), "Epochs without improvement after which training stops"
    ] = 5
    held_out: Annotated[
        float, Range(0.05, 0.5, "of the rows"), "The last rows, which tell when to stop"
    ] = 0.2
    seed: Annotated[int, Range(0, 2**31), "Of the first weights and the order of the rows"] = 1


class Lstm(nn.Module):
    """:param inputs: features of a row"""

    def __init__(self, inputs: int, settings: LstmSettings) -> None:
        super().__init__()
        between = settings.dropout if settings.layers > 1 else 0.0
        self.memory = nn.LSTM(
            inputs, settings.hidden, settings.layers, batch_first=True, dropout=between
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.out = nn.Linear(settings.hidden, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns one logit for each sequence (batch x length x features)."""
        read, _ = self.memory(rows)
        logits: torch.Tensor = self.out(self.dropout(read[:, -1])).squeeze(-1)
        return logits


@dataclass(frozen=True)
class LstmScorer:
    """A trained LSTM, of the shape that `perpkit.learning.classifier` scores with.

    :param length: rows that it reads
    :param losses: of the held-out rows after each epoch
    """

    network: Lstm
    length: int
    losses: tuple[float, ...]

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept, from 0."""
        return int(np.argmin(self.losses))

    def predict_proba(self, features: Any) -> NDArray[np.float64]:
        """Returns the probabilities of the classes 0 and 1, one row for each row of features.

        :param features: in order of time; the first `length` - 1 rows lack some of what is read
        """
        rows = sequences(_array(features), self.length)
        parts = [
            rows[begin : begin + _AT_A_TIME].copy() for begin in range(0, len(rows), _AT_A_TIME)
        ]
        self.network.eval()
        with torch.no_grad(), _one_thread():
            scored = [torch.sigmoid(self.network(torch.from_numpy(part))) for part in parts]
        score = torch.cat(scored).numpy().astype(np.float64) if scored else np.empty(0)
        return np.column_stack((1 - score, score))


def fit(
    features: Any,
    outcomes: NDArray[np.int64],
    weights: NDArray[np.float64],
    length: int,
    horizon: int,
    settings: LstmSettings,
) -> LstmScorer:
    """Returns a model that was trained until its loss on the held-out rows no longer fell.

    :param features: one row each, in order of time, without NaN; scaled to about -1 to 1
    :param outcomes: 0 or 1, one for each row
    :param weights: of the rows
    :param length: rows that are read for a score
    :param horizon: rows that an outcome looks ahead
    :raises ValueError: if the gap leaves no rows to train on
    """
    rows = sequences(_array(features), length)
    held = slice(int(len(rows) * (1 - settings.held_out)), len(rows))
    taught = purged(held.start, horizon)
    if taught.stop < 1 or held.start >= held.stop:
        raise ValueError(f"{len(rows)} rows leave none to train on with a horizon of {horizon}")
    true = torch.from_numpy(outcomes.astype(np.float32))
    weight = torch.from_numpy(np.asarray(weights, dtype=np.float32))
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(settings.seed)
        network = Lstm(rows.shape[2], settings)
        optimizer = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        losses: list[float] = []
        best = deepcopy(network.state_dict())
        for _ in range(settings.epochs):
            network.train()
            for batch in torch.randperm(taught.stop).split(settings.batch_size):
                loss = _loss(network, rows[batch.numpy()], true[batch], weight[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            network.eval()
            with torch.no_grad():
                losses.append(float(_loss(network, rows[held].copy(), true[held], weight[held])))
            epoch = int(np.argmin(losses))
            if epoch == len(losses) - 1:
                best = deepcopy(network.state_dict())
            elif len(losses) - 1 - epoch >= settings.patience:
                break
        network.load_state_dict(best)
    scorer = LstmScorer(network, length, tuple(losses))
    logger.info(
        "LSTM: %d epochs, the best is %d with a held-out loss of %.4f",
        len(losses), scorer.best_epoch + 1, min(losses),
    )  # fmt: skip
    return scorer


def _loss(
    network: Lstm, rows: NDArray[np.float32], true: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    logits = network(torch.from_numpy(rows))
    return nn.functional.binary_cross_entropy_with_logits(logits, true, weight)


def _array(features: Any) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.asarray(features, dtype=np.float32))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of several threads differ in their last digits, and gain a small model nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""The models by their names, those of a user, and several of them together."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perpkit.checks import shown
from perpkit.files.class_files import module_of
from perpkit.parameters.declared import declared
from perpkit.research.stress.cross_margin import CrossMargin
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.slippage import (
    Latency,
    Linear,
    Logarithmic,
    Spread,
    SquareRoot,
    WorstFills,
)
from perpkit.research.stress.terms import FailedOrders, MakerTaker, ShiftedFunding

MODELS: Mapping[str, type[CostModel]] = {
    "identity": CostModel,
    "spread": Spread,
    "linear": Linear,
    "square_root": SquareRoot,
    "logarithmic": Logarithmic,
    "maker_taker": MakerTaker,
    "latency": Latency,
    "failed_orders": FailedOrders,
    "shifted_funding": ShiftedFunding,
    "worst_fills": WorstFills,
    "cross_margin": CrossMargin,
}
# What happens together in a market that is not kind.
TOGETHER = "spread+square_root+latency+failed_orders+shifted_funding"
DEFAULT = (
    "identity", "spread", "linear", "square_root", "logarithmic", "maker_taker", "latency",
    "failed_orders", "shifted_funding", "worst_fills", "cross_margin", TOGETHER,
)  # fmt: skip


def models_of(text: str) -> tuple[CostModel, ...]:
    """Returns the models of a scenario, such as `spread+square_root,impact=0.2`.

    A model is a name of `MODELS`, or a class of the user's: `package.module:Class` or
    `path/to/file.py:Class`. Its parameters follow it, with commas.

    :raises ValueError: naming what is wrong and what is allowed
    """
    return tuple(_model(each.strip()) for each in text.split("+"))


def _model(text: str) -> CostModel:
    name, *given = (part.strip() for part in text.split(","))
    own = _class(name)
    known = {parameter.name for parameter in declared(own)}
    values: dict[str, Any] = {}
    for each in given:
        key, equals, value = (part.strip() for part in each.partition("="))
        if not equals or key not in known:
            allowed = ", ".join(f"{one}=..." for one in sorted(known)) or "nothing"
            raise ValueError(f"parameters of {name} must be {allowed}, got {each!r}")
        if key in values:
            raise ValueError(f"parameters of {name} must be given once, got {key} twice")
        values[key] = _value(value)
    try:
        return own(**values)
    except Exception as error:  # a user's code may raise anything
        raise ValueError(f"{name}: {error}") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _class(name: str) -> type[CostModel]:
    if name in MODELS:
        return MODELS[name]
    where, colon, attribute = name.rpartition(":")
    if not colon:
        raise ValueError(
            f"model must be one of {', '.join(MODELS)}, or a class of yours such as "
            f"costs.py:MyModel, got {shown(name)}"
        )
    found = getattr(_module(where), attribute, None)
    if not (isinstance(found, type) and issubclass(found, CostModel)):
        raise ValueError(f"model must be a subclass of CostModel in {where}, got {attribute!r}")
    return found


def _module(where: str) -> Any:
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        path = Path(where)
        return module_of(path, f"perpkit_user_{path.stem}")
    except Exception as error:  # a user's code may raise anything
        raise ValueError(f"model must be in a module that loads, got {where}: {error!r}") from error

"""Models by name, with parameters, together, and those of a user."""

from __future__ import annotations

import pytest

from perpkit.research.stress.model import CostModel
from perpkit.research.stress.scenarios import DEFAULT, MODELS, models_of
from perpkit.research.stress.slippage import Latency, Spread, SquareRoot
from perpkit.research.stress.terms import FailedOrders

OWN = """
from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from perpkit.parameters.kinds import Range
from perpkit.research.stress.model import CostModel


@dataclass(frozen=True)
class Flat(CostModel):
    bps: Annotated[float, Range(0, 1000, "bps"), "What every order costs more"] = 5.0

    def slippage_bps(self, order, draw):
        return self.bps


class NoModel:
    pass


@dataclass(frozen=True)
class Raises(CostModel):
    def __post_init__(self):
        raise KeyError("depth")
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "costs.py"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("identity", (CostModel(),)),
        ("square_root,impact=0.2", (SquareRoot(impact=0.2),)),
        (
            "spread , floor_bps = 3 + latency,ms=20,against=0.5",
            (Spread(floor_bps=3), Latency(20, 0.5)),
        ),
        ("perpkit.research.stress.terms:FailedOrders,rate=0.1", (FailedOrders(0.1),)),
    ],
)
def test_what_a_text_stands_for(text, models):
    assert models_of(text) == models


def test_every_scenario_that_is_run_by_default_is_known():
    assert {type(m) for name in DEFAULT for m in models_of(name)} == set(MODELS.values())


def test_a_class_in_a_file_of_the_user(own):
    (model,) = models_of(f"{own}:Flat,bps=8")
    assert model.slippage_bps(None, None) == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slow", "model must be one of identity, spread, .*, got 'slow'"),
        ("", "model must be one of identity"),
        ("spread+", "model must be one of identity"),
        ("spread,floor=3", "parameters of spread must be floor_bps=..., share_of_vol=..., got"),
        ("spread,3", "parameters of spread must be"),
        ("latency,ms=20,against=1,ms=30", "parameters of latency must be given once, got ms twice"),
        ("identity,a=1", "parameters of identity must be nothing, got 'a=1'"),
        ("spread,floor_bps=-1", "spread: floor_bps must be a number from 0 to 1000, got -1"),
        (
            "failed_orders,rate=often",
            "failed_orders: rate must be a number from 0 to 0.95, got 'of",
        ),
        ("nowhere.at_all:Model", "model must be in a module that loads, got nowhere.at_all"),
        ("perpkit.research.stress.order:Order", "model must be a subclass of CostModel in"),
        ("{own}:NoModel", "model must be a subclass of CostModel in .*costs.py, got 'NoModel'"),
        ("{own}:Absent", "model must be a subclass of CostModel"),
        ("{own}:Flat,bps=-1", "Flat: bps must be a number from 0 to 1000, got -1"),
        ("{own}:Raises", "Raises: 'depth'"),
        ("{own}x.py:Flat", "model must be in a module that loads"),
    ],
)
def test_what_is_refused(own, text, said):
    with pytest.raises(ValueError, match=said):
        models_of(text.format(own=own))


def test_a_file_that_does_not_load_is_named(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import nothing_like_it")
    with pytest.raises(ValueError, match=r"module that loads, got .*broken\.py: ModuleNotFound"):
        models_of(f"{path}:Flat")

"""A few episodes of the soak (`make soak`), so that it does not rot."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from tests.soak.rehearsal import run

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("seed", [0, 10, 78, 101, 290])
def test_an_episode_ends_and_is_the_same_again(seed):
    outcome = run(seed)
    assert not outcome.halted
    assert not outcome.crashed
    assert outcome.cycles > 10
    assert asdict(run(seed)) == asdict(outcome)


@pytest.mark.parametrize(
    ("seed", "what"), [(10, "unknown"), (78, "misbooked"), (72, "bare_s"), (290, "orphans")]
)
def test_the_soak_sees_what_it_reports(seed, what):
    value = getattr(run(seed), what)
    assert value > 15 if what == "bare_s" else value

"""Samples of the exchange's clock: the best one counts, to within half of its round trip."""

from __future__ import annotations

import re

import pytest

from perpkit.ops.doctor.clock import Sample, judged
from perpkit.ops.level import Level

BEHIND = 10_000.0


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        ([(0, 20)], Level.OK, "0 ms"),
        ([(499, 20)], Level.OK, "499 ms ahead"),
        ([(-509, 20)], Level.OK, "509 ms behind .* within 10 ms"),
        ([(-511, 20)], Level.WARN, "above 10000 ms"),
        ([(511, 20)], Level.WARN, "above 1000 ms"),
        ([(1009, 20)], Level.WARN, "above 1000 ms"),
        ([(1011, 20)], Level.FAIL, "refused"),
        ([(-9_000, 20)], Level.WARN, "9000 ms behind"),
        ([(-10_011, 20)], Level.FAIL, "refused"),
        # A slow answer says little; a fast one beside it counts.
        ([(1200, 600), (900, 1000)], Level.WARN, "1200 ms"),
        ([(5000, 900), (3, 30), (-4000, 800)], Level.OK, "3 ms ahead"),
    ],
)
def test_how_far_the_clock_may_be_off(found, level, words):
    [said] = judged([Sample(*map(float, each)) for each in found], BEHIND)
    assert said.level is level
    assert re.search(words, said.words)


def test_an_exchange_that_is_slow_is_a_finding_of_its_own():
    _, slow = judged([Sample(0.0, 2500.0), Sample(0.0, 2100.0)], BEHIND)
    assert slow.level is Level.WARN
    assert "2100 ms" in slow.words

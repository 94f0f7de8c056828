"""A part of the acceleration: on while Freqtrade's functions are those that it knows."""

from __future__ import annotations

import sys
from functools import wraps
from types import ModuleType

import pytest

from perpkit.bot.acceleration.part import Part, Replacements, Seam, digest

MODULE = "perpkit_made_up_for_a_test"
SOURCE = """
class Trade:
    def profit(self):
        # Why.

        return 1

    @property
    def value(self):
        return 2

    @staticmethod
    def fee():
        return 3


class Live(Trade):
    pass
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    path = tmp_path / f"{MODULE}.py"
    path.write_text(SOURCE)
    found = ModuleType(MODULE)
    found.__file__ = str(path)
    exec(compile(SOURCE, str(path), "exec"), vars(found))
    monkeypatch.setitem(sys.modules, MODULE, found)
    return found


@pytest.fixture
def seam(module):
    return Seam(f"{MODULE}:Trade.profit", ("0" * 12, digest(module.Trade.profit)))


def faster(module):
    trade, live = module.Trade, module.Live
    stock, value, fee, profit_of_live = trade.profit, trade.value, trade.fee, live.profit

    def install(replacements: Replacements) -> None:
        replacements.put(live, "profit", lambda _: 40, profit_of_live)
        replacements.put(trade, "profit", lambda _: 10, stock)
        replacements.put(trade, "value", property(lambda _: 20), value)
        replacements.put(trade, "fee", staticmethod(lambda: 30), fee)

    return install


def seen(module):
    trade = module.Trade()
    return trade.profit(), trade.value, trade.fee(), module.Live().profit()


def test_a_part_replaces_and_undoes(module, seam):
    before = dict(vars(module.Trade)), dict(vars(module.Live))
    part = Part([seam], faster(module))
    for _ in range(2):
        assert part.switch_on() is None
        assert part.switch_on() is None  # a second time changes nothing
        assert part.is_on
        assert seen(module) == (10, 20, 30, 40)
        part.switch_off()
        part.switch_off()
        assert not part.is_on
        assert (dict(vars(module.Trade)), dict(vars(module.Live))) == before
        assert seen(module) == (1, 2, 3, 1)


def test_what_a_part_has_remembered_is_forgotten_as_it_ends(module, seam):
    forgotten = []
    part = Part([seam], faster(module), lambda: forgotten.append(True))
    part.switch_on()
    assert forgotten == []
    part.switch_off()
    assert forgotten == [True]


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (f"{MODULE}:Trade.loss", "there is no Trade.loss"),
        (f"{MODULE}:Order.profit", "there is no Order.profit"),
        (f"{MODULE}_not_there:Trade.profit", "there is no Trade.profit"),
        (f"{MODULE}:Trade.__repr__", "the source of Trade.__repr__ cannot be read"),
        (f"{MODULE}:Trade.value", "Trade.value is not what it was"),
    ],
)
def test_a_seam_that_has_moved_leaves_its_part_off(module, seam, where, why):
    part = Part([seam, Seam(where, seam.digests)], faster(module))
    assert part.switch_on().startswith(why)
    assert not part.is_on
    assert seen(module) == (1, 2, 3, 1)


def test_a_part_that_fails_halfway_leaves_nothing_replaced(module, seam):
    def install(replacements: Replacements) -> None:
        faster(module)(replacements)
        raise AttributeError("gone")

    part = Part([seam], install)
    assert part.switch_on() == "AttributeError('gone')"
    assert not part.is_on
    assert seen(module) == (1, 2, 3, 1)


def test_a_patch_of_anybody_moves_a_seam(module, seam, monkeypatch):
    assert seam.moved() is None
    monkeypatch.setattr(module.Trade, "profit", lambda _: 5)
    assert "Trade.profit is not what it was" in seam.moved()


def test_a_patch_that_wraps_the_function_moves_it_too(module, seam, monkeypatch):
    monkeypatch.setattr(module.Trade, "profit", wraps(module.Trade.profit)(lambda _: 5))
    assert "Trade.profit is not what it was" in seam.moved()


def test_what_a_part_itself_replaces_is_no_patch(module, seam):
    part = Part([seam], faster(module))
    assert not part.is_patched()
    part.switch_on()
    part.remember()
    assert not part.is_patched()
    part.switch_off()
    assert not part.is_patched()


def test_what_a_part_replaces_is_the_same_to_another_part(module, seam):
    """In either order, and again and again: one part may be off for a while."""
    trade = module.Trade
    seams = [seam]
    for name in ("value", "fee"):
        where = f"{MODULE}:Trade.{name}"
        seams.append(Seam(where, (digest(Seam(where, ()).found()),)))
    replacing, relying = Part([], faster(module)), Part(seams, lambda _: None)
    assert replacing.switch_on() is None
    assert relying.switch_on() is None
    relying.switch_off()
    assert relying.switch_on() is None
    relying.switch_off()
    mine = trade.profit
    replacing.switch_off()
    trade.profit = mine  # which has outlived its part
    assert "Trade.profit is not what it was" in relying.switch_on()


@pytest.mark.parametrize("kind", ["Trade", "Live"])
@pytest.mark.parametrize("name", ["profit", "value"])
def test_a_patch_over_what_a_part_has_replaced_is_seen_and_stays(module, seam, kind, name):
    expected = {each: dict(vars(getattr(module, each))) for each in ("Trade", "Live")}
    part = Part([seam], faster(module))
    part.switch_on()
    part.remember()
    replaced = name in vars(getattr(module, kind))
    mine = expected[kind][name] = lambda _: 100
    setattr(getattr(module, kind), name, mine)
    assert part.is_patched() == replaced
    part.switch_off()
    assert {each: dict(vars(getattr(module, each))) for each in expected} == expected


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Trade", "value"), ("Trade", "fee"), ("Live", "profit")],  # which are no seams
)
@pytest.mark.parametrize("earlier", [True, False])
def test_a_patch_in_the_place_of_a_function_leaves_its_part_off(module, seam, kind, name, earlier):
    expected = {each: dict(vars(getattr(module, each))) for each in ("Trade", "Live")}
    part = Part([seam], faster(module))
    if not earlier:
        part.switch_on()
    mine = expected[kind][name] = lambda _: 100
    setattr(getattr(module, kind), name, mine)
    part.switch_off()
    assert part.switch_on() == f"{kind}.{name} is not what it was"
    assert not part.is_on
    assert {each: dict(vars(getattr(module, each))) for each in expected} == expected


def test_a_patch_of_what_a_part_relies_on_is_seen(module, seam, monkeypatch):
    trade = module.Trade
    part = Part([seam], lambda replacements: replacements.put(trade, "fee", lambda: 30, trade.fee))
    part.switch_on()
    part.remember()
    monkeypatch.setattr(module.Trade, "profit", lambda _: 5)
    assert part.is_patched()
    part.remember()
    assert not part.is_patched()


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (("        # Why.\n\n", ""), True),
        (("# Why.", "# Because."), True),
        (("return 1", "return 1.0"), False),
        (("def profit(self)", "def profit(self, rate=None)"), False),
    ],
)
def test_a_digest_is_of_the_code(module, tmp_path, changed, same):
    source = SOURCE.replace(*changed)
    path = tmp_path / "other.py"
    path.write_text(source)
    names: dict = {}
    exec(compile(source, str(path), "exec"), names)
    found = digest(names["Trade"].profit), digest(module.Trade.profit)
    assert (found[0] == found[1]) == same

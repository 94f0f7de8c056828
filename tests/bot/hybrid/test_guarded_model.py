"""What a model says that cannot be made; its trainings are in test_training_queue.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perpkit.bot.hybrid.guarded_model import GuardedModel, require


def test_an_extra_that_is_missing_says_what_to_install():
    require("ai", "json")
    with pytest.raises(
        ModuleNotFoundError, match=r"no_such is missing: pip install 'perpkit\[ai\]'"
    ):
        require("ai", "json", "no_such")


class Stored:
    """In place of FreqAI's base class: it has a model of every window."""

    def model_exists(self, dk):
        return True


class Model(GuardedModel, Stored):
    pass


@pytest.mark.parametrize(("live", "kept"), [(False, {"ETH": {}}), (True, {"BTC": {}, "ETH": {}})])
def test_a_backtest_reads_a_stored_model_with_what_is_stored_beside_it(live, kept):
    """And not with what FreqAI remembers of the pair's last training."""
    model = Model.__new__(Model)
    model.live, model.dd = live, SimpleNamespace(meta_data_dictionary={"BTC": {}, "ETH": {}})
    assert model.model_exists(SimpleNamespace(pair="BTC"))
    assert model.dd.meta_data_dictionary == kept

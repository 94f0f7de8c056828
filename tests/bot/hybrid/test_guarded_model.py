"""What a model says that cannot be made; its trainings are in test_training_queue.py."""

from __future__ import annotations

import pytest

from perpkit.bot.hybrid.guarded_model import require


def test_an_extra_that_is_missing_says_what_to_install():
    require("ai", "json")
    with pytest.raises(
        ModuleNotFoundError, match=r"no_such is missing: pip install 'perpkit\[ai\]'"
    ):
        require("ai", "json", "no_such")

"""What the rehearsal of an upgrade takes for an error in its bot's output."""

from __future__ import annotations

import pytest

from perpkit.ops.upgrade.rehearsal import _Bot


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("2026-11-30 00:00:00,1 - freqtrade - ERROR - Fatal exception!", "Fatal exception!"),
        ("2026-11-30 00:00:00,1 - freqtrade - CRITICAL - over", "over"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        *(
            (words, words)
            for words in (
                "perpkit: adjust_bot could not adjust freqtrade.freqtradebot: KeyError('a')",
                "perpkit: no plugin discovery: ImportError('a')",
            )
        ),
        ("2026-11-30 00:00:00,1 - freqtrade - INFO - ERROR is a word", None),
        ("2026-11-30 00:00:00,1 - a - INFO - perpkit: no plugin discovery is off", None),
    ],
)
def test_errors_in_the_output(line, error, tmp_path):
    log = tmp_path / "output.log"
    log.write_text(f"first\n{line}\nlast\n")
    assert _Bot(None, log, None)._errors() == ([] if error is None else [error])

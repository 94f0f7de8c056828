"""Secrets are hidden, even of files that Freqtrade refuses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perpkit.ops.doctor.secrets import redactor


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ('{"exchange": {"secret": "planted-secret"}}', False),
        ('{"exchange": {"secret": "planted-', True),  # there is none to be known
        ("[1]", True),
        ("1", True),
    ],
)
def test_what_is_refused_is_read_for_its_secrets(tmp_path, content, shown):
    path = tmp_path / "config.json"
    path.write_text(content)
    hidden = redactor(SimpleNamespace(read="Freqtrade refuses it", files=[path]))
    assert ("planted-secret" in hidden("it is planted-secret")) is shown

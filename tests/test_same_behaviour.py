"""What `benchmarks.same_behaviour` calls equal: the proof of a refactoring stands on it."""

from __future__ import annotations

import pytest

from benchmarks import same_behaviour
from benchmarks.behaviour import REPOSITORY, Checkout, sha256
from benchmarks.same_behaviour import SUMS, checkout_on_path, main, parting, without_wording

LOCKS = '{"pair": "*", "reason": "fell 10%"}\n{"pair": "*", "reason": "fell 12%"}\n'


def written(folder, **texts):
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / SUMS).write_text("".join(f"{sha256(t.encode())}  {n}\n" for n, t in texts.items()))
    return str(folder)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("a\nb\n", "a\nb\n", ""),
        ("a\nb\n", "a\nc\n", "line 2, character 1: `b` became `c`"),
        ("a\nb\n", "a\n", "line 2, character 1: `b` became ``"),
        ("a\nb", "a", "line 2, character 1: `b` became `(end)`"),
        ("a", "a\n", "line 2, character 1: `(end)` became ``"),
        ("a 1", "a 12", "line 1, character 4: `a 1` became `a 12`"),
        (f"{'x' * 99}1", f"{'x' * 99}2",
         f"line 1, character 100: `{'x' * 40}1` became `{'x' * 40}2`"),
    ],
)  # fmt: skip
def test_where_texts_part(old, new, found):
    assert parting(old, new) == found


@pytest.mark.parametrize(
    ("item", "old", "new", "equal"),
    [
        ("backtest-demo-X.jsonl", LOCKS, LOCKS.replace("fell", "has fallen"), True),
        ("backtest-demo-X.jsonl", LOCKS, LOCKS.replace("*", "BTC", 1), False),
        ("replay-demo-X.json", '{"intervals": [{"from": 1, "reason": "a"}]}',
         '{"intervals": [{"from": 1, "reason": "b"}]}', True),
        ("replay-demo-X.json", '{"intervals": [{"from": 1, "reason": "a"}]}',
         '{"intervals": [{"from": 2, "reason": "a"}]}', False),
        ("replay-demo-X.txt", "from | fell 10%", "from | has fallen 10%", True),
        ("parameters.md", "Text.\n\n| `a` | `1` | 0 to 2 | told |",
         "Words.\n\n| `a` | `1` | 0 to 2 | logged |", True),
        ("parameters.md", "| `a` | `1` | 0 to 2 | told |", "| `a` | `1` | 0 to 3 | told |", False),
        ("data-demo.txt", "1f  a.feather", "2f  a.feather", False),
    ],
)  # fmt: skip
def test_what_counts_where_the_wording_is_free(item, old, new, equal):
    assert old != new
    assert (without_wording(item, old) == without_wording(item, new)) == equal


@pytest.mark.parametrize(
    ("new", "code", "shown"),
    [
        ({"a": "1\n", "b": "2\n"}, 0, "| b | equal |  |"),
        ({"a": "1\n", "b": "3\n"}, 1, "| b | differs | line 1, character 1: `2` became `3` |"),
        ({"a": "1\n"}, 1, "| b | differs | only in "),
        ({"a": "1\n", "b": "2\n", "c": ""}, 1, "| c | differs | only in "),
    ],
)
def test_the_exit_code_says_whether_anything_differs(new, code, shown, tmp_path, capsys):
    folders = written(tmp_path / "old", a="1\n", b="2\n"), written(tmp_path / "new", **new)
    assert main(["--compare", *folders]) == code
    assert shown in capsys.readouterr().out


def test_what_was_not_finished_or_changed_later_is_not_compared(tmp_path, capsys):
    old, new = written(tmp_path / "old", a="1\n"), written(tmp_path / "new", a="1\n")
    (tmp_path / "new/a").write_text("2\n")
    for folder, said in ((new, "is not what was written"), (str(tmp_path / "none"), SUMS)):
        with pytest.raises(SystemExit) as ended:
            main(["--compare", old, folder])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_a_run_does_not_write_over_another(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(same_behaviour, "write", pytest.fail)
    with pytest.raises(SystemExit):
        main(["--out", written(tmp_path / "old", a="1\n")])
    assert "out must be a new or empty folder" in capsys.readouterr().err


def test_the_checkout_is_that_of_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ValueError, match=f"PYTHONPATH must have a checkout .*{tmp_path}"):
        checkout_on_path()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{REPOSITORY}")
    assert checkout_on_path() == REPOSITORY


def test_commands_are_those_of_the_checkout(tmp_path):
    """Not those that are installed: this one has a console script and a hook of its own."""
    package = tmp_path / "checkout/perpkit"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "perpkit.pth").write_text("import os; os.environ['HOOKED'] = 'yes'")
    (package / "ours.py").write_text(
        "import os, socket\n"
        "def main():\n"
        "    print(os.environ['HOOKED'], 'PERPKIT_PLUGINS' in os.environ)\n"
        "    socket.create_connection(('127.0.0.1', 9))\n"
    )
    (package.parent / "pyproject.toml").write_text(
        '[project.scripts]\nperpkit = "perpkit.ours:main"\n'
    )
    checkout = Checkout(package.parent, tmp_path)
    assert "must not use the network" in checkout.run("perpkit", fails=True)
    with pytest.raises(SystemExit, match="yes False"):
        checkout.run("perpkit")

"""When the balance is read, also by several threads at once."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from perpkit.bot.live.later_balance import LaterBalance


class Wallets:
    def __init__(self) -> None:
        self.read = 0

    def update(self, require_update: bool = True) -> None:
        self.read += 1


def at_once(read) -> None:
    read()


@pytest.fixture
def wallets() -> Wallets:
    return Wallets()


@pytest.fixture
def balance(wallets) -> LaterBalance:
    return LaterBalance(SimpleNamespace(wallets=wallets))


def test_it_is_read_at_the_end_and_once(wallets, balance):
    with balance.later(at_once):
        wallets.update()
        with balance.later(at_once):
            wallets.update(False)
        assert wallets.read == 0
    assert wallets.read == 1
    wallets.update()
    assert wallets.read == 2


def test_it_is_not_read_where_nobody_asked(wallets, balance):
    with balance.later(at_once):
        pass
    assert wallets.read == 0


def test_it_is_read_where_the_block_fails(wallets, balance):
    def fail() -> None:
        wallets.update()
        raise KeyError

    with pytest.raises(KeyError), balance.later(at_once):
        fail()
    assert wallets.read == 1


def test_threads_that_overlap_leave_it_as_it_was(wallets, balance):
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with balance.later(at_once):
            wallets.update()
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with balance.later(at_once):
        thread.start()
        inside.wait(10)
    wallets.update()  # this thread's own is not put off by the other
    assert wallets.read == 1
    leave.set()
    thread.join(10)
    assert wallets.read == 2
    wallets.update()
    assert wallets.read == 3

"""The store of intents: durable, found again, and honest about damage."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.record.journal import Intent, Journal, JournalEntry, JournalError, Outcome
from perpkit.record.order_ids import LONGEST, OrderId, Purpose, new_nonce, parse, tag_before_nonces
from tests.bench.damaged_files import flipped
from tests.cases import SLOW

TAG, BROKER, BTC, ETH = "3fa2c1", "x-xcKtGhcu", "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sub" / "trades.journal.sqlite"


@pytest.fixture
def journal(path):
    made = Journal.create(path, TAG, identity="here")
    made.begin("RsiSmaSwing", 1)
    yield made
    made.close()


def intent(journal, purpose=Purpose.ENTRY, **given) -> Intent:
    usual = Intent(
        client_id=journal.next_id(BROKER, purpose),
        pair=BTC,
        strategy="RsiSmaSwing",
        purpose=purpose,
        side="buy",
        type="limit",
        amount=0.01,
        price=30_000.0,
        stop_price=None,
        reduce_only=False,
        leverage=3.0,
        tag="long",
        at=1_000,
    )
    return replace(usual, **given)


def test_what_was_written_is_there_for_the_next_process(journal, path):
    written = intent(journal)
    journal.write(written)
    again = Journal.open(path)
    assert again.open_entries() == [JournalEntry(written, Outcome.SENT, None, "", 1_000)]
    assert (again.tag, again.about("identity")) == (TAG, "here")
    assert [start[2] for start in again.starts()] == ["RsiSmaSwing"]


@pytest.mark.parametrize("outcome", Outcome)
def test_an_intent_is_open_until_it_is_booked_or_settled(journal, outcome):
    written = intent(journal)
    journal.write(written)
    journal.settle(written.client_id, outcome, 2_000, "17", "for people")
    entry = JournalEntry(written, outcome, "17", "for people", 2_000)
    assert journal.find(written.client_id) == journal.find_order(BTC, "17") == entry
    assert entry.is_open is (outcome in (Outcome.SENT, Outcome.ANSWERED))
    assert journal.open_entries() == [entry] * entry.is_open
    assert journal.find_order(ETH, "17") is None


def test_what_is_settled_twice_keeps_what_is_not_given_again(journal):
    written = intent(journal)
    journal.write(written)
    journal.settle(written.client_id, Outcome.ANSWERED, 2_000, "17", "found")
    journal.settle(written.client_id, Outcome.BOOKED, 3_000)
    assert journal.find(written.client_id) == JournalEntry(
        written, Outcome.BOOKED, "17", "found", 3_000
    )


def test_open_entries_of_a_pair(journal):
    first, second = intent(journal), intent(journal, pair=ETH)
    journal.write(first)
    journal.write(second)
    assert [entry.intent for entry in journal.open_entries(ETH)] == [second]
    assert [entry.intent for entry in journal.entries(since=1_000)] == [first, second]
    assert journal.entries(since=1_001) == []


def test_an_id_is_never_given_twice(journal):
    given_out = {journal.next_id(BROKER, purpose) for purpose in Purpose for _ in range(9)}
    journal.begin("RsiSmaSwing", 2)
    given_out |= {journal.next_id(BROKER, Purpose.ENTRY) for _ in range(9)}
    assert len(given_out) == len(Purpose) * 9 + 9


def test_a_second_intent_with_one_id_is_refused(journal):
    written = intent(journal)
    journal.write(written)
    with pytest.raises(JournalError, match="UNIQUE"):
        journal.write(written)


@pytest.mark.parametrize(
    ("change", "gave"),
    [
        ({}, True),
        ({"number": 3}, False),  # given out, and never written
        ({"number": 4}, False),
        ({"nonce": "zzzzzz"}, False),
        ({"tag": "ffffff"}, False),
        ({"broker": "x-cvBPrNm9"}, True),
    ],
)
def test_whether_it_gave_an_id(journal, change, gave):
    for _ in range(2):
        journal.write(intent(journal))
    journal.next_id(BROKER, Purpose.ENTRY)
    order = OrderId(BROKER, TAG, journal.nonce, Purpose.STOP, 2)
    assert journal.gave(replace(order, **change)) is gave


def test_a_start_without_orders_gave_none(journal):
    assert not journal.gave(OrderId(BROKER, TAG, journal.nonce, Purpose.ENTRY, 1))


def test_other_things_are_kept(journal, path):
    journal.keep("rest", "1", {"amount": 2.5})
    journal.keep("rest", "1", {"amount": 1.5})
    journal.keep("rest", "2", None)
    journal.drop("rest", "2")
    assert Journal.open(path).kept("rest") == {"1": {"amount": 1.5}}
    assert Journal.open(path).kept("other") == {}


def test_there_is_one_in_memory():
    journal = Journal.create(None, TAG)
    journal.begin("RsiSmaSwing", 1)
    journal.write(intent(journal))
    assert len(journal.open_entries()) == 1


def test_one_that_is_there_is_not_written_over(journal, path):
    journal.write(intent(journal))
    with pytest.raises(JournalError, match="exists"):
        Journal.create(path, TAG)
    assert len(Journal.open(path).entries()) == 1


def test_one_that_is_missing_is_not_made(path):
    with pytest.raises(JournalError, match="no journal"):
        Journal.open(path)
    assert not path.exists()


@pytest.mark.parametrize("damage", ["empty", "text", "header", "middle", "tables", "schema"])
def test_one_that_is_damaged_is_refused(journal, path, damage):
    for _ in range(200):
        journal.write(intent(journal))
    journal.close()
    content = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a database, and longer than a header is" * 100)
    elif damage == "header":
        path.write_bytes(b"\0" * 100 + content[100:])
    elif damage == "middle":
        half = len(content) // 2
        path.write_bytes(content[:half] + b"\xff" * 8192 + content[half + 8192 :])
    else:
        with sqlite3.connect(path) as database:
            if damage == "tables":
                database.execute("DROP TABLE about")
            else:
                database.execute("UPDATE about SET value = '99' WHERE key = 'schema'")
    with pytest.raises(JournalError, match=r"journal .*trades\.journal\.sqlite"):
        Journal.open(path)


def whole(path) -> None:
    """Reads all that a journal holds."""
    journal = Journal.open(path, read_only=True)
    try:
        journal.entries()
        journal.kept("stop")
        journal.starts()
    finally:
        journal.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders SET outcome = 'went'",
        "UPDATE orders SET purpose = 'F'",
        "UPDATE orders SET note = CAST(x'ff' AS TEXT)",
        "UPDATE kept SET value = '{\"a\" 1}'",
    ],
)
def test_values_that_cannot_be_are_the_one_error(journal, path, change):
    journal.write(intent(journal))
    journal.keep("stop", "BTC", {"a": 1})
    whole(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(change)
    with pytest.raises(JournalError, match=f"The journal {path} (is damaged|fails)"):
        whole(path)


@pytest.mark.parametrize("every", [1009, pytest.param(11, marks=SLOW)])
def test_a_changed_bit_is_the_one_error_or_can_be_read(journal, path, every):
    journal.write(intent(journal))
    journal.keep("stop", "BTC", {"a": 1})
    journal.close()
    content = path.read_bytes()
    for changed in flipped(content, range(0, 8 * len(content), every)):
        path.write_bytes(changed)
        with suppress(JournalError):
            whole(path)


def test_a_write_that_fails_says_so_and_writes_nothing(journal, path):
    other = sqlite3.connect(path, isolation_level=None)
    journal._connection.execute("PRAGMA busy_timeout = 1")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match="locked"):
        journal.write(intent(journal))
    other.execute("ROLLBACK")
    assert journal.entries() == []


def test_an_intent_needs_an_id_of_the_journal(journal):
    with pytest.raises(ValueError, match="client_id"):
        journal.write(intent(journal, client_id="mine"))


IDS = st.builds(
    OrderId,
    broker=st.sampled_from(["", "x-xcKtGhcu", "x-cvBPrNm9"]),
    tag=st.text("0123456789abcdef", min_size=6, max_size=6),
    nonce=st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=6, max_size=6),
    purpose=st.sampled_from(Purpose),
    number=st.integers(0, 10**10),
)


@given(IDS)
def test_an_id_says_what_it_was_made_of(order):
    text = str(order)
    assert parse(text) == order
    assert len(text) <= LONGEST
    assert tag_before_nonces(text) is None


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (None, None),
        ("", None),
        ("web_1abc", None),
        ("x-xcKtGhcu3fa2c10123456789abcdef", "3fa2c1"),
        ("x-xcKtGhcu3fa2c1-k3j9d2-Z1", None),
        ("x-xcKtGhcu3fa2c1-k3j9d2-E", None),
        ("autoclose-1234567890123", None),
    ],
)
def test_other_ids(text, before):
    assert parse(text) is None
    assert tag_before_nonces(text) == before


def test_nonces_differ():
    assert len({new_nonce() for _ in range(1000)}) == 1000


def test_what_a_stop_has_closed_is_open_until_the_bot_has_booked_it(journal):
    closed = intent(journal, Purpose.EXIT, client_id=f"perpkit-{TAG}-abc123-H1", reduce_only=True)
    for _ in range(2):
        journal.write_closing(closed, "77")
    assert journal.open_entries() == [JournalEntry(closed, Outcome.ANSWERED, "77", "", 1_000)]
    journal.settle(closed.client_id, Outcome.ADOPTED, 2_000)
    assert journal.open_entries() == []
    with pytest.raises(ValueError, match="must be of perpkit stop"):
        journal.write_closing(intent(journal, Purpose.EXIT), "78")

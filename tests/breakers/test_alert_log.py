"""Which alerts are sent: one of a kind and pair in its quiet time, so many in an hour, all summed
up."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.alert_log import KEPT, PAIRS_SHOWN, WITHHELD_SHOWN, AlertLog, admit, summary
from perpkit.breakers.market_alerts import Alert, AlertKind, AlertLimits, MarketReading
from tests.factories import PAIRS, START

BTC, ETH = PAIRS[:2]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NAN = float("nan")
LIMITS = AlertLimits(quiet_hours=2, max_per_hour=3)


def alert(pair=BTC, kind=AlertKind.PRICE, at=START) -> Alert:
    return Alert(at, pair, kind, f"{pair}: {kind}")


def names(alerts):
    return [(a.pair[:3], a.kind.value) for a in alerts]


def test_a_kind_of_a_pair_is_quiet_after_an_alert():
    log, sent = admit(LIMITS, AlertLog(), [alert()], START)
    assert names(sent) == [("BTC", "price")]
    for minutes, expected in ((60, 0), (119, 0), (120, 1)):
        now = START + minutes * MINUTE
        assert len(admit(LIMITS, log, [alert()], now)[1]) == expected
    others = [alert(ETH), alert(kind=AlertKind.FUNDING)]
    assert len(admit(LIMITS, log, others, START + MINUTE)[1]) == 2


def test_what_was_withheld_prolongs_no_quiet():
    log, _ = admit(LIMITS, AlertLog(), [alert()], START)
    log, sent = admit(LIMITS, log, [alert()], START + HOUR)
    assert sent == ()
    assert len(admit(LIMITS, log, [alert()], START + 2 * HOUR)[1]) == 1


def test_the_most_urgent_are_sent_when_there_are_too_many():
    kinds = (AlertKind.PRICE, AlertKind.OPEN_INTEREST, AlertKind.SUDDEN, AlertKind.FUNDING)
    log, sent = admit(LIMITS, AlertLog(), [alert(kind=kind) for kind in kinds], START)
    assert names(sent) == [("BTC", "sudden"), ("BTC", "price"), ("BTC", "funding")]
    later = admit(LIMITS, log, [alert(ETH)], START + 59 * MINUTE)[1]
    assert later == ()
    assert len(admit(LIMITS, log, [alert(ETH)], START + HOUR)[1]) == 1
    own = replace(LIMITS, kinds=(AlertKind.OPEN_INTEREST, AlertKind.PRICE), max_per_hour=1)
    _, sent = admit(own, AlertLog(), [alert(), alert(kind=AlertKind.OPEN_INTEREST)], START)
    assert names(sent) == [("BTC", "open_interest")]


market = st.lists(
    st.tuples(
        st.integers(0, 90),  # minutes after the one before
        st.lists(st.tuples(st.sampled_from(PAIRS[:4]), st.sampled_from(AlertKind)), max_size=8),
    ),
    max_size=30,
)


@given(market, st.integers(1, 5), st.sampled_from([1.0, 1.5, 4.0]))
def test_never_more_than_the_limits(drawn, most, quiet):
    limits = AlertLimits(max_per_hour=most, quiet_hours=quiet)
    log, now, all_sent, given_ = AlertLog(), START, [], 0
    for minutes, keys in drawn:
        now += minutes * MINUTE
        log, sent = admit(limits, log, [alert(*key, now) for key in keys], now)
        all_sent += [(now, a.pair, a.kind) for a in sent]
        given_ += len(keys)
        assert len(log.kept) == min(given_, KEPT)
    for i, (at, *key) in enumerate(all_sent):
        assert sum(at - other < HOUR for other, *_ in all_sent[: i + 1]) <= most
        same = [other for other, *other_key in all_sent[:i] if other_key == key]
        assert all(at - other >= quiet * HOUR for other in same)


def test_at_most_a_hundred_are_kept():
    alerts = [alert(at=START + i * MINUTE) for i in range(KEPT + 20)]
    log, _ = admit(LIMITS, AlertLog(), alerts, START)
    assert [a.at for a in log.kept] == [a.at for a in alerts[20:]]


def reading(change=0.0, close=50_000.0, **values) -> MarketReading:
    unknown = dict.fromkeys(MarketReading._fields, NAN)
    own = {"closed_at": START, "close": close, "price_change": change}
    return MarketReading(**{**unknown, **own, **values})


def test_the_summary():
    pairs = {
        ETH: reading(0.012, 2_000.5),
        BTC: reading(
            -0.0612,
            funding_rate_8h=0.0001,
            funding_rate_annual=0.1095,
            long_short_ratio=1.834,
            open_interest_change=0.042,
        ),
        "LTC/USDT:USDT": None,
        "ADA/USDT:USDT": reading(NAN, 0.5),
    }
    log, _ = admit(LIMITS, AlertLog(), [alert(), alert(ETH)], START)
    log, _ = admit(LIMITS, log, [alert()], START + HOUR)
    assert summary(LIMITS, log, pairs, START + HOUR).splitlines() == [
        "Market at 2023-01-01 01:00 UTC (price over 24 h, funding per 8 h, open interest over "
        "24 h)",
        "BTC/USDT:USDT: 50000, -6.1%, funding +0.0100% (+11% a year), long/short 1.83, "
        "open interest +4.2%",
        "ETH/USDT:USDT: 2000.5, +1.2%",
        "ADA/USDT:USDT: 0.5",
        "LTC/USDT:USDT: no current candle",
        "Alerts since the last summary: 2 sent, 1 withheld",
        "BTC/USDT:USDT: price",
    ]


@pytest.mark.parametrize(("pairs", "alerts"), [(1, 0), (PAIRS_SHOWN, WITHHELD_SHOWN), (200, 200)])
def test_a_summary_is_no_longer_than_a_message_may_be(pairs, alerts):
    extreme = {
        "funding_rate_8h": -0.02,
        "funding_rate_annual": -21.9,
        "long_short_ratio": 50.0,
        "open_interest_change": -0.999,
    }
    known = {f"1000000NAME{i}/USDT:USDT": reading(i, 12_345.678, **extreme) for i in range(pairs)}
    text = "1000000NAME123/USDT:USDT: " + "x" * 100
    log = AlertLog(kept=(Alert(START, BTC, AlertKind.PRICE, text),) * min(alerts, KEPT))
    sent = summary(LIMITS, log, known, START)
    assert len(sent) < 4096
    assert sent.count("and 180 more") == (pairs == 200)
    assert sent.count("and 90 more") == (alerts == 200)

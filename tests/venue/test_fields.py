"""Every endpoint has the recorded fields, types and number formats, and no others."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from perpkit.venue.http.account_routes import account_router
from perpkit.venue.http.market_routes import market_router
from tests.venue.conftest import CLOCK, HandClock
from tests.venue.fields_page import PAGE, page
from tests.venue.recorded_fields import EXPLAINED, RECORDS, Field
from tests.venue.served_fields import Session, answers, differences, fault


@pytest.fixture(scope="module")
def session(history) -> Session:
    return answers(history, HandClock(CLOCK))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.title)
def test_as_recorded(session, record):
    unexplained = {
        place: what
        for place, what in differences(session, record).items()
        if place not in EXPLAINED
    }
    assert unexplained == {}


def test_every_explanation_has_its_difference(session):
    found = {place for record in RECORDS for place in differences(session, record)}
    assert set(EXPLAINED) - found == set()


def test_every_endpoint_is_recorded(session):
    served = {
        f"{method} {route.path}"
        for router in (market_router, account_router(session.exchange))
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert served == {endpoint for record in RECORDS for endpoint in record.endpoints}


def test_the_page_is_up_to_date(session):
    assert PAGE.read_text() == page(session), "run python -m tests.venue.fields_page"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "1"),
        ("int", True),
        ("bool", "true"),
        ("money", "1.5"),
        ("money", "-0.00000000"),
        ("money", 1.5),
        ("money0", "0.00000000"),
        ("plain", "1.50"),
        ("plain", "-0"),
        ("plain0", "0"),
        ("price", "1"),
        ("null", ""),
    ],
)
def test_what_is_a_fault(kind, value):
    assert fault(Field(kind, ""), value, None) is not None


@pytest.mark.parametrize(
    "path", ["/fapi/v3/positionRisk", "/fapi/v3/account"], ids=lambda path: path[-12:]
)
def test_code_that_reads_the_leverage_of_version_3_fails(session, path):
    answer = session.client("GET", path)
    row = answer[0] if isinstance(answer, list) else answer["positions"][0]
    with pytest.raises(KeyError):
        row["leverage"]

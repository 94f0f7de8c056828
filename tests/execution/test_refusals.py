"""What is read from the exchange's refusals, in the forms in which a client passes them on."""

import pytest

from perpkit.execution import refusals
from perpkit.execution.refusals import bound_in, code_in


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('binanceusdm {"code":-2022,"msg":"ReduceOnly Order is rejected."}', refusals.NO_POSITION),
        ('{"code": -4005, "msg": "Quantity greater than max quantity."}', refusals.TOO_LARGE),
        ('{"code" : "-4131", "msg": "..."}', -4131),
        ('{"code":200,"msg":"ok"}', None),
        ("-2022", None),
        ("", None),
    ],
)
def test_the_code_of_a_refusal(text, code):
    assert code_in(text) == code


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("Limit price can't be lower than 47500", 47500.0),
        ("Limit price can't be higher than 0.05217.", 0.05217),
        ("Price greater than max price.", None),
    ],
)
def test_the_bound_that_a_refusal_names(text, bound):
    assert bound_in(text) == bound


# Of https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("PRICE_GREATER_THAN_MAX_PRICE", -4002),
        ("PRICE_LESS_THAN_ZERO", -4006),
        ("MIN_PRICE_LIMIT", -4007),
        ("PRICE_LESS_THAN_MIN_PRICE", -4013),
        ("PRICE_HIGHTER_THAN_MULTIPLIER_UP", -4016),
        ("PRICE_LOWER_THAN_MULTIPLIER_DOWN", -4024),
        ("MARKET_ORDER_REJECT", -4131),
    ],
)
def test_what_the_exchange_says_of_a_price(name, code):
    assert code in refusals.OUT_OF_BAND


def test_other_codes_are_not_about_a_price():
    assert len(refusals.OUT_OF_BAND) == 7
    assert (refusals.TOO_LARGE, refusals.NO_POSITION) == (-4005, -2022)

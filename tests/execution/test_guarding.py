import pytest

from perpkit.execution.guarding import GuardRule


def test_the_defaults_are_a_day_and_stops_that_stay():
    assert GuardRule() == GuardRule(leave_before_delisting_hours=24, stop_after_delete=True)


@pytest.mark.parametrize(("hours", "allowed"), [(0.9, False), (1, True), (168, True), (169, False)])
def test_how_long_before_its_end_a_contract_may_be_left(hours, allowed):
    if allowed:
        assert GuardRule(leave_before_delisting_hours=hours).leave_before_delisting_hours == hours
    else:
        with pytest.raises(ValueError, match=rf"leave_before_delisting_hours .* 168, got {hours}"):
            GuardRule(leave_before_delisting_hours=hours)

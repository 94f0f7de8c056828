"""FreqAI's environment with the account of a perpetual: candles, actions and rewards by hand."""

from __future__ import annotations

from itertools import pairwise
from math import log

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is in the extra rl: make test-ai")
environment = pytest.importorskip("perpkit.bot.hybrid.environment")

NEUTRAL, LONG, LEAVE_LONG, SHORT, LEAVE_SHORT = range(5)
WINDOW = 2
REWARDS = {"leverage": 2, "stake": 0.5, "fee": 0.001, "drawdown_penalty": 1, "scale": 1}


def made(opens, funding=None, spread=0.0, drawdown=0.9, **rewards):
    """An environment of candles with these opens, whose feature is the number of its row."""
    opens = np.array(opens, dtype=float)
    prices = pd.DataFrame(
        {
            "open": opens,
            "high": opens + spread,
            "low": opens - spread,
            "close": opens,
            "funding": np.zeros(len(opens)) if funding is None else funding,
        }
    )
    rows = pd.DataFrame({"%-row": np.arange(len(opens), dtype=float)})
    config = {
        "freqai": {"rl_config": {"max_training_drawdown_pct": drawdown}},
        "stake_amount": "unlimited",
    }
    found = environment.PerpetualEnvironment(
        df=rows, prices=prices, window_size=WINDOW, config=config, fee=0.0004, can_short=True,
        reward_kwargs={"rr": 1, "profit_aim": 0.02, **REWARDS, **rewards}, df_raw=rows,
    )  # fmt: skip
    found.reset()
    return found


def played(env, *actions):
    """The rewards of actions, and whether the last one ended the episode."""
    steps = [env.step(action) for action in actions]
    return [step[1] for step in steps], steps[-1][2]


def test_a_long_from_its_entry_to_its_exit():
    # Rows 0 to 2 are behind; an action is executed at the open of the next candle.
    env = made([100, 100, 100, 100, 110, 110, 110], funding=[0, 0, 0, 0, 0.001, 0, 0])
    rewards, _ = played(env, LONG, NEUTRAL, LEAVE_LONG, NEUTRAL)
    equity = [1, 0.999, 0.999 + 0.1, 0.999 + 0.1 - 0.0011 - 0.0011, 0.999 + 0.1 - 0.0022]
    growth = [log(b / a) for a, b in pairwise(equity)]
    deepest = [0.001, 0, (0.0022 / 1.099) - 0.001, 0]
    assert rewards == pytest.approx([g - d for g, d in zip(growth, deepest, strict=True)])
    assert env._position.name == "Neutral"


def test_a_short_earns_a_fall_and_receives_funding():
    env = made([100, 100, 100, 100, 90, 90, 90], funding=[0, 0, 0, 0.002, 0, 0, 0])
    rewards, _ = played(env, SHORT, NEUTRAL)
    # The candle that was open when the position was held settled 0.002 of 0.9.
    assert rewards[1] == pytest.approx(log((0.999 + 0.1 + 0.0018) / 0.999))
    assert env.get_unrealized_profit() == pytest.approx(0.1 / (0.999 + 0.1 + 0.0018))


def test_funding_of_a_candle_without_a_position_is_not_paid():
    env = made([100] * 7, funding=[0, 0, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert played(env, NEUTRAL, NEUTRAL)[0] == [0, 0]


@pytest.mark.parametrize(
    ("held", "action"),
    [
        pytest.param(None, LEAVE_LONG, id="an exit without a position"),
        pytest.param(LONG, LEAVE_SHORT, id="an exit of the other side"),
        pytest.param(LONG, LONG, id="a second entry"),
        pytest.param(SHORT, LONG, id="an entry of the other side"),
    ],
)
def test_an_action_that_is_not_allowed_costs_a_little_and_does_nothing(held, action):
    env = made([100] * 8)
    if held is not None:
        played(env, held)
    before = env.account.side, env.account.amount, env._position
    rewards, _ = played(env, action)
    assert rewards == pytest.approx([-env.terms.idle_order_penalty])
    assert (env.account.side, env.account.amount, env._position) == before


def test_a_liquidation_ends_the_episode_and_loses_the_margin_only():
    env = made([100, 100, 100, 100, 100, 100, 100], spread=12, leverage=10)
    rewards, ended = played(env, LONG, NEUTRAL)
    assert ended
    assert env.account.equity == pytest.approx(0.995 - 0.5)
    assert rewards[1] == pytest.approx(log(0.495 / 0.995) - (0.505 - 0.005) - 0.1)
    assert env._position.name == "Neutral"


def test_no_entry_is_made_in_the_step_of_a_liquidation():
    env = made([100] * 7, spread=12, leverage=10)
    played(env, LONG, SHORT)
    assert env.account.side == 0
    assert env._position.name == "Neutral"


@pytest.mark.parametrize(("drawdown", "ends"), [(0.05, True), (0.2, False)])
def test_the_drawdown_of_the_marked_account_ends_an_episode(drawdown, ends):
    env = made([100, 100, 100, 100, 90, 90, 90], drawdown=drawdown)
    assert played(env, LONG, NEUTRAL)[1] is ends


def test_an_episode_ends_with_its_candles():
    env = made([100] * 5)
    assert played(env, NEUTRAL)[1] is False
    assert played(env, NEUTRAL)[1] is True


def test_an_agent_sees_the_candle_that_has_closed_and_none_after_it():
    env = made([100] * 8)
    seen, _ = env.reset()
    # The next action is executed at the open of row 3: row 2 has closed by then.
    np.testing.assert_array_equal(seen[:, 0], [1, 2])
    seen = env.step(LONG)[0]
    np.testing.assert_array_equal(seen[:, 0], [2, 3])
    assert seen.dtype == np.float32
    assert seen.shape == env.observation_space.shape


def test_a_new_episode_begins_with_a_new_account():
    env = made([100, 100, 100, 100, 90, 90, 90])
    played(env, LONG, NEUTRAL)
    env.reset()
    assert played(env, NEUTRAL)[0] == [0]
    assert env.account.equity == 1


def test_the_fee_of_the_exchange_holds_where_none_is_given():
    assert environment.practice_terms({"rr": 1}, 0.0004).fee == 0.0004
    assert environment.practice_terms({"fee": 0.001}, 0.0004).fee == 0.001


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"leverage": 0}, "model_reward_parameters.leverage must be a number from 1 to 125, got 0"),
        ({"levrage": 2}, "model_reward_parameters has no parameter 'levrage'"),
    ],
)
def test_a_reward_parameter_that_cannot_be_is_named(given, said):
    with pytest.raises(ValueError, match=said):
        environment.practice_terms(given, 0.0004)

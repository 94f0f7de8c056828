"""FreqAI's environment of five actions, with the account of a perpetual in place of its own.

FreqAI's reward is about the profit of closed trades without funding or leverage. Here every candle
counts: `perpkit.learning.practice_account` says what the position earned, paid and risked in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from freqtrade.freqai.RL.Base5ActionRLEnv import Actions, Base5ActionRLEnv
from freqtrade.freqai.RL.BaseEnvironment import Positions
from numpy.typing import NDArray

from perpkit.learning.practice_account import PracticeAccount, PracticeTerms, Step, reward
from perpkit.parameters.kinds import Section

# Of FreqAI's own reward; its base class reads them.
OF_FREQAI = ("rr", "profit_aim")
_SIDES = {Actions.Long_enter.value: 1, Actions.Short_enter.value: -1}


class PerpetualEnvironment(Base5ActionRLEnv):
    """Candles of one pair, in which an agent opens and closes one position at a time.

    A decision that is made when a candle has closed is executed at the open of the next one. An
    episode ends with the candles, with a liquidation, and at `max_training_drawdown_pct`.
    """

    def reset_env(self, df: Any, prices: Any, *args: Any, **kwargs: Any) -> None:
        """:param prices: a row a candle, with `open`, `high`, `low` and `funding`, the rate that
        was settled in it
        """
        super().reset_env(df, prices, *args, **kwargs)
        given = kwargs["reward_kwargs"] if "reward_kwargs" in kwargs else args[1]
        self.terms = practice_terms(given, self.fee)
        self.account = PracticeAccount()
        self._rows = np.ascontiguousarray(df.to_numpy(dtype=np.float32))
        names = ("open", "high", "low", "funding")
        self._candles = prices[list(names)].to_numpy(dtype=np.float64).tolist()

    def reset(self, seed: int | None = None, **kwargs: Any) -> Any:
        self.account = PracticeAccount()
        return super().reset(seed)

    def step(self, action: int) -> Any:
        self._before = self.account
        return super().step(int(action))

    def _update_unrealized_total_profit(self) -> None:
        """Marks the account at the open of the new candle; FreqAI calls it first in a step."""
        _, high, low, funding = self._candles[self._current_tick - 1]
        now = self._candles[self._current_tick][0]
        self.account = self.account.held(Step(low, high, now, funding), self.terms)
        self._total_profit = self._total_unrealized_profit = self.account.equity

    def _update_total_profit(self) -> None:
        """FreqAI's realised profit; `calculate_reward` has booked the exit already."""

    def calculate_reward(self, action: int) -> float:
        """Returns the reward of the candle before, less what the action costs now."""
        idle = 0.0
        if self.account.liquidated:
            self._position, self._last_trade_tick, self._done = Positions.Neutral, None, True
            action = Actions.Neutral.value
        elif not self._is_valid(action) or self._is_other_side(action):
            idle = self.terms.idle_order_penalty * self.terms.scale
        elif action in _SIDES:
            self.account = self.account.entered(_SIDES[action], self._price, self.terms)
        elif action != Actions.Neutral.value:
            self.account = self.account.exited(self._price, self.terms)
        self._total_profit = self._total_unrealized_profit = self.account.equity
        return reward(self._before, self.account, self.terms) - idle

    def is_tradesignal(self, action: int) -> bool:
        """A liquidated position is not closed a second time, nor another one opened."""
        return not self.account.liquidated and super().is_tradesignal(action)

    def get_unrealized_profit(self) -> float:
        """Returns the profit of the position as a part of the equity."""
        return self.account.profit / self.account.equity if self.account.equity else 0.0

    def _get_observation(self) -> NDArray[np.float32]:
        """Returns the features of the last candles, the one before the next decision included.

        FreqAI's own leaves out the candle that has just closed; its predictions do not.
        """
        end = self._current_tick + 1
        return self._rows[end - self.window_size : end]

    @property
    def _price(self) -> float:
        price: float = self._candles[self._current_tick][0]
        return price

    def _is_other_side(self, action: int) -> bool:
        """Returns whether it is an exit of the side that is not held, which FreqAI ignores."""
        leaves = {Actions.Long_exit.value: 1, Actions.Short_exit.value: -1}
        return action in leaves and leaves[action] != self.account.side


def practice_terms(given: dict[str, Any], fee: float) -> PracticeTerms:
    """Returns the terms of `rl_config.model_reward_parameters`.

    :param fee: of the exchange, where none is given
    :raises ValueError: naming the parameter, its value and what is allowed
    """
    own = {name: value for name, value in given.items() if name not in OF_FREQAI}
    kind = Section(PracticeTerms)
    terms: PracticeTerms = kind.read("model_reward_parameters", {"fee": fee, **own})
    return terms

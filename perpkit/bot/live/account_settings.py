"""Compares account settings at the exchange with those that the bot assumes: position mode, asset
mode, and for each pair with a trade its margin type, leverage and liquidation price.

Freqtrade checks the two modes when it starts, and never the others: it sets leverage and margin
type before an entry and assumes that they stay so. Anyone with access to the account can change
them later. The bot does not change them back: it uses the exchange's values, refuses entries, and
notifies the operator.

Stake and profit ratio keep the leverage of the entry, as they refer to the margin that was used;
profit itself does not depend on leverage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor
from typing import Any, NamedTuple

import ccxt
from freqtrade.enums import MarginMode
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.live.shared_balance import held
from perpkit.bot.running_bot import warn
from perpkit.execution.refusals import code_in
from perpkit.market.credits import contradiction

ACCOUNT = "account"  # stands for all pairs
_MARGIN_TYPES = {MarginMode.ISOLATED: "ISOLATED", MarginMode.CROSS: "CROSSED"}
# Answers to a margin type, beside orders or a position; seen where it was set already, too.
_MARGIN_TYPE_STAYS = frozenset({-4047, -4048, -4067})
_DUST = 1e-6  # relative difference below which prices are equal


class _Subject(NamedTuple):
    """One setting of a pair or of the whole account.

    :param pair: a pair, or `ACCOUNT`
    """

    pair: str
    setting: str


class AccountSettings:
    """Compares and follows the settings of one live bot; created once."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        _let_the_same_margin_type_be_set(self._exchange._api)
        self._hedge = False
        # Differences and their meaning; None before the first comparison.
        self._different: dict[_Subject, str] | None = None
        self._prepare = replace(bot, "exchange._lev_prep", self.prepare)
        self._create = replace(bot, "api.create_order", self.create_order)

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None."""
        if self._different is None:
            return "the settings of the account have not been compared with the exchange's yet"
        return self.difference(pair)

    @property
    def refused(self) -> dict[str, str] | None:
        """Reasons by pair without entries, `*` for all pairs; None before the first comparison."""
        if self._different is None:
            return None
        found: dict[str, str] = {}
        for subject, text in self._different.items():
            pair = "*" if subject.pair == ACCOUNT else subject.pair
            found[pair] = f"{found[pair]}; {text}" if pair in found else text
        return found

    def difference(self, pair: str) -> str | None:
        """Returns the first known difference of this pair or the whole account, or None."""
        for subject, text in (self._different or {}).items():
            if subject.pair in (ACCOUNT, pair):
                return text
        return None

    def compare(self) -> None:
        """Compares the settings: one or two requests (weight 5 each). Raises ccxt's errors."""
        modes = self._exchange._api.fapiPrivateGetAccountConfig()
        found = self._modes(modes)
        with self._bot._exit_lock:
            leverages = {trade.pair: trade.leverage for trade in Trade.get_open_trades()}
        if leverages:
            found |= self._symbols(leverages)
        self._hedge = _is_true(modes["dualSidePosition"])
        before, self._different = self._different or {}, found
        self._notify(before, found)

    def _modes(self, modes: Mapping[str, Any]) -> dict[_Subject, str]:
        found = {}
        if _is_true(modes["dualSidePosition"]):
            found[_Subject(ACCOUNT, "position mode")] = (
                "the account is in hedge mode, in which the exchange refuses Freqtrade's entries "
                "(-4061), and Freqtrade cannot start again; exits and stops still work"
            )
        multi_assets = _is_true(modes["multiAssetsMargin"])
        wrong = contradiction(self._bot.config, multi_assets, held(self._bot))
        if wrong is not None:
            found[_Subject(ACCOUNT, "asset mode")] = str(wrong)
        return found

    def _symbols(self, leverages: Mapping[str, float]) -> dict[_Subject, str]:
        api, [first, *others] = self._exchange._api, leverages
        asked = {} if others else {"symbol": api.market_id(first)}
        rows = {
            api.safe_symbol(row["symbol"], None, None, "swap"): row
            for row in api.fapiPrivateGetSymbolConfig(asked)
        }
        wanted = self._margin_type
        found = {}
        for pair, leverage in leverages.items():
            row = rows.get(pair)
            if row is None:
                continue  # the contract has ended
            there, here = int(row["leverage"]), floor(leverage)
            if there != here:
                found[_Subject(pair, "leverage")] = f"leverage is {there} there, {here} in the bot"
            if row["marginType"] != wanted:
                found[_Subject(pair, "margin type")] = (
                    f"the margin type is {row['marginType']} there, {wanted} in the bot"
                )
        return found

    def _notify(self, before: Mapping[_Subject, str], found: Mapping[_Subject, str]) -> None:
        for subject, text in found.items():
            if before.get(subject) == text:
                continue
            if subject.pair == ACCOUNT:
                what = "Entries are refused until it is switched back."
            else:
                what = (
                    "Liquidation price and stop follow the exchange; stake and profit ratio stay "
                    "those of the entry. Entries into this pair are refused until it is set back."
                )
            warn(self._bot, f"Settings of {subject.pair} at the exchange: {text}. {what}")
        for subject in before.keys() - found.keys():
            warn(
                self._bot,
                f"Settings of {subject.pair} at the exchange: the {subject.setting} is as the bot "
                "needs it again, or its trade has closed. It no longer blocks entries.",
            )

    def follow(self, positions: Iterable[Mapping[str, Any]]) -> None:
        """Copies the exchange's liquidation prices to the trades. The bot's lock must be held.

        :param positions: in ccxt's format
        """
        prices = {
            (position["symbol"], position["side"]): position["liquidationPrice"]
            for position in positions
            if position["contracts"]
        }
        for trade in Trade.get_open_trades():
            price = prices.get((trade.pair, trade.trade_direction))
            if not price or not trade.has_open_position:
                continue
            price, before = self._with_buffer(trade, price), trade.liquidation_price
            if before is None or abs(price - before) > _DUST * before:
                trade.set_liquidation_price(price)

    def _with_buffer(self, trade: Trade, price: float) -> float:
        """Returns a price with the buffer that Freqtrade's `get_liquidation_price` adds."""
        buffer = abs(trade.open_rate - price) * self._exchange.liquidation_buffer
        return max(price - buffer if trade.is_short else price + buffer, 0.0)

    def prepare(self, pair: str, leverage: float, side: str, accept_fail: bool = False) -> None:
        """Replaces Freqtrade's method, which sets leverage and margin type before non-exit orders.

        It is skipped for stops, which need neither: if a setting could not be changed back (-4161),
        the stop would not be placed. Additions skip it too; they are refused if settings differ.
        """
        if accept_fail:
            return
        try:
            self._prepare(pair, leverage, side, accept_fail)
        except TemporaryError as error:
            if code_in(str(error)) not in _MARGIN_TYPE_STAYS or not self._has_margin_type(pair):
                raise
            self._exchange._set_leverage(leverage, pair, accept_fail)

    def _has_margin_type(self, pair: str) -> bool:
        """Whether a pair is known to have the margin type that the bot needs (weight 5)."""
        api = self._exchange._api
        try:
            [row] = api.fapiPrivateGetSymbolConfig({"symbol": api.market_id(pair)})
        except (ccxt.BaseError, ValueError):
            return False
        return bool(row["marginType"] == self._margin_type)

    @property
    def _margin_type(self) -> str:
        return _MARGIN_TYPES[MarginMode(self._bot.config["margin_mode"])]

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Replaces ccxt's method; in hedge mode an order that closes names its position side."""
        params = dict(params or {})
        if self._hedge and params.get("reduceOnly"):
            params["hedged"] = True
        return self._create(symbol, type, side, amount, price, params)


def _let_the_same_margin_type_be_set(api: Any) -> None:
    """Keeps newer releases of ccxt from raising if a margin type is already set (-4046).

    With that error Freqtrade 2026.6 would fail at every entry into a pair but the first.
    """
    of_margin = api.options.get("setMarginMode", {})
    api.options["setMarginMode"] = {**of_margin, "throwMarginModeAlreadySet": False}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"

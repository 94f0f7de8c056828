"""Settings of the account at the exchange, compared with what the bot works with: position mode,
asset mode, and of each pair with a trade its margin type, leverage and liquidation price.

Freqtrade looks at the two modes as it starts, at the others never: it sets leverage and margin type
before an entry, and takes them for what they were then. Whoever has the account can change them
afterwards. The bot changes nothing back: what it does is go by the exchange's values, refuse
entries, and say so.

The books stay at the leverage of the entry: stake and profit ratio are of the margin that was put
in, profit itself does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor
from typing import Any, NamedTuple

from freqtrade.enums import MarginMode
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.running_bot import warn

ACCOUNT = "account"  # in place of a pair: of all of them
_MARGIN_TYPES = {MarginMode.ISOLATED: "ISOLATED", MarginMode.CROSS: "CROSSED"}
_DUST = 1e-6  # prices that differ by less are equal, a fraction


class _Subject(NamedTuple):
    """:param pair: or `ACCOUNT`"""

    pair: str
    setting: str


class AccountSettings:
    """Made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._exchange = bot.exchange
        _let_the_same_margin_type_be_set(self._exchange._api)
        self._hedge = False
        # What differs, and what that means; None: not compared yet.
        self._different: dict[_Subject, str] | None = None
        self._prepare = replace(bot, "exchange._lev_prep", self.prepare)
        self._create = replace(bot, "api.create_order", self.create_order)

    def refusal(self, pair: str) -> str | None:
        """Why there is to be no entry in this pair, if there is a reason."""
        if self._different is None:
            return "the settings of the account have not been compared with the exchange's yet"
        return self.difference(pair)

    @property
    def refused(self) -> dict[str, str] | None:
        """Pairs without entries, `*` for all, and why; None before the first comparison."""
        if self._different is None:
            return None
        found: dict[str, str] = {}
        for subject, text in self._different.items():
            pair = "*" if subject.pair == ACCOUNT else subject.pair
            found[pair] = f"{found[pair]}; {text}" if pair in found else text
        return found

    def difference(self, pair: str) -> str | None:
        """What is known to differ for this pair, or for all."""
        for subject, text in (self._different or {}).items():
            if subject.pair in (ACCOUNT, pair):
                return text
        return None

    def compare(self) -> None:
        """One request (weight 5), two where there are trades; raises what ccxt raises."""
        modes = self._exchange._api.fapiPrivateGetAccountConfig()
        found = self._modes(modes)
        with self._bot._exit_lock:
            leverages = {trade.pair: trade.leverage for trade in Trade.get_open_trades()}
        if leverages:
            found |= self._symbols(leverages)
        self._hedge = _is_true(modes["dualSidePosition"])
        before, self._different = self._different or {}, found
        self._say(before, found)

    def _modes(self, modes: Mapping[str, Any]) -> dict[_Subject, str]:
        found = {}
        if _is_true(modes["dualSidePosition"]):
            found[_Subject(ACCOUNT, "position mode")] = (
                "the account is in hedge mode, in which the exchange refuses Freqtrade's entries "
                "(-4061), and Freqtrade does not start again; exits and stops go on"
            )
        if _is_true(modes["multiAssetsMargin"]) and not self._multi_assets_meant:
            found[_Subject(ACCOUNT, "asset mode")] = (
                "the account is in multi-assets mode, in which all its assets stand behind each "
                'position; where that is meant, with cross margin, "proxy_coin" in the '
                "configuration says so"
            )
        return found

    @property
    def _multi_assets_meant(self) -> bool:
        config = self._bot.config
        return config.get("margin_mode") == MarginMode.CROSS and "proxy_coin" in config

    def _symbols(self, leverages: Mapping[str, float]) -> dict[_Subject, str]:
        api, [first, *others] = self._exchange._api, leverages
        asked = {} if others else {"symbol": api.market_id(first)}
        rows = {
            api.safe_symbol(row["symbol"], None, None, "swap"): row
            for row in api.fapiPrivateGetSymbolConfig(asked)
        }
        wanted = _MARGIN_TYPES[MarginMode(self._bot.config["margin_mode"])]
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

    def _say(self, before: Mapping[_Subject, str], found: Mapping[_Subject, str]) -> None:
        for subject, text in found.items():
            if before.get(subject) == text:
                continue
            if subject.pair == ACCOUNT:
                what = "There is no entry until it is switched back."
            else:
                what = (
                    "Liquidation price and stop follow the exchange; stake and profit ratio stay "
                    "those of the entry. There is no entry into this pair until it is as before."
                )
            warn(self._bot, f"Settings of {subject.pair} at the exchange: {text}. {what}")
        for subject in before.keys() - found.keys():
            warn(
                self._bot,
                f"Settings of {subject.pair} at the exchange: the {subject.setting} is as the bot "
                "needs it again, or its trade has ended. Entries are no longer refused for it.",
            )

    def follow(self, positions: Iterable[Mapping[str, Any]]) -> None:
        """Take over the liquidation prices of the exchange. The bot's lock is held.

        :param positions: as ccxt gives them
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
        """As Freqtrade's `get_liquidation_price` makes of what it reads."""
        buffer = abs(trade.open_rate - price) * self._exchange.liquidation_buffer
        return max(price - buffer if trade.is_short else price + buffer, 0.0)

    def prepare(self, pair: str, leverage: float, side: str, accept_fail: bool = False) -> None:
        """Freqtrade's, which sets leverage and margin type of the pair before each order but exits.

        Not before stops: they need neither, and one that cannot be set back (-4161) would keep the
        stop from being placed. Nor before additions, which are refused where they differ.
        """
        if not accept_fail:
            self._prepare(pair, leverage, side, accept_fail)

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """ccxt's; in hedge mode what closes names the side of its position."""
        params = dict(params or {})
        if self._hedge and params.get("reduceOnly"):
            params["hedged"] = True
        return self._create(symbol, type, side, amount, price, params)


def _let_the_same_margin_type_be_set(api: Any) -> None:
    """Newer releases of ccxt raise where a margin type is as it should be already (-4046), which
    costs Freqtrade 2026.6 every entry into a pair but the first."""
    of_margin = api.options.get("setMarginMode", {})
    api.options["setMarginMode"] = {**of_margin, "throwMarginModeAlreadySet": False}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"

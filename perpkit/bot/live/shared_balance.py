"""The balance of an account whose assets all back its positions: see `perpkit.market.credits`.

The exchange shows what is available, of all assets together, as that of each asset, but balances of
each asset alone. Freqtrade sizes entries by the former. For the latter it would take that of the
coin which is the wallet: nothing at all, or a debt, where the collateral is in other assets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from freqtrade.exceptions import FreqtradeException

from perpkit.bot.live.replaced import replace
from perpkit.market.credits import (
    CROSS,
    Contradiction,
    contradiction,
    declares_multi_assets,
    ignored,
    margin_mode,
    proxy_coin,
    wallet_coin,
)

logger = logging.getLogger(__name__)

NAME = "Credits mode"


class SharedBalance:
    """Makes the total of the wallet that of the whole account, as the exchange values it.

    :param bot: a running bot, at Binance
    """

    def __init__(self, bot: Any) -> None:
        config = bot.config
        if config["dry_run"] or not declares_multi_assets(config):
            return
        self._bot, self._coin = bot, wallet_coin(config)
        # In single-asset mode the exchange adds up USDT alone, and a configuration whose proxy coin
        # is the stake currency fits either mode.
        self._fits_either = proxy_coin(config) is None
        self._asks = self._fits_either and self._coin != "USDT"
        self._multi_assets: bool | None = None if self._asks else True
        self._fetch = replace(bot, "api.fetch_balance", self.fetch_balance)
        try:
            bot.wallets.update()  # Freqtrade has read the balance before
        except FreqtradeException as error:
            logger.warning(f"The balance of the whole account is not read yet: {error}")

    def fetch_balance(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Replaces ccxt's method, whose `total` has the profit of open positions in it."""
        balances: dict[str, Any] = self._fetch(params or {})
        info = balances.get("info") or {}
        if (total := info.get("totalMarginBalance")) is None:
            return balances
        if self._asks and (answer := _multi_assets(self._bot)) is not None:
            self._multi_assets = answer
        row, whole = balances.get(self._coin), float(total)
        if row is None:
            # ccxt leaves out an asset that was never used, though entries can be made in it.
            if self._fits_either and self._multi_assets and whole > 0:
                free = float(info["availableBalance"])
                balances[self._coin] = {"free": free, "used": whole - free, "total": whole}
        elif self._multi_assets is None:
            # No answer yet. Too small a total would be taken for a loss, and halt the bot.
            row["total"] = max(row["total"], whole)
        elif self._multi_assets:
            row["total"] = whole
        return balances


def wrong_account(bot: Any) -> Contradiction | None:
    """Returns why a bot must not trade with its configuration, or at its account; None if it may.

    The account is asked in live mode with cross margin (weight 5): with isolated margin Freqtrade
    itself refuses multi-assets mode. If it does not answer, entries wait for the guard's comparison
    of its settings.
    """
    config = bot.config
    if (wrong := ignored(config)) is not None or config["dry_run"] or margin_mode(config) != CROSS:
        return wrong
    multi_assets = _multi_assets(bot)
    return None if multi_assets is None else contradiction(config, multi_assets, held(bot))


def _multi_assets(bot: Any) -> bool | None:
    """Returns whether the account is in multi-assets mode (weight 5); None without an answer."""
    try:
        answer = bot.exchange._api.fapiPrivateGetAccountConfig()["multiAssetsMargin"]
        return {"true": True, "false": False}[str(answer).lower()]
    # No matter which, as of an answer of another shape: it must not end a bot that holds something.
    except Exception as error:
        logger.warning(f"The asset mode of the account cannot be read yet: {error}")
        return None


def held(bot: Any) -> dict[str, float]:
    """Returns amounts by coin, as Freqtrade read them last."""
    return {coin: wallet.total for coin, wallet in bot.wallets.get_all_balances().items()}

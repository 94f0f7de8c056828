"""Uses the bot's own REST API in an emergency: briefly, and only after checking its identity.

Two bots on one machine often have one port and one password. They differ in the time when they
were started, which Freqtrade keeps in the trade database and shows at `/health`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from perpkit.ops.bot_config import BotConfig
from perpkit.record.trade_database import DatabaseError, StoredTrade, TradeDatabase

_PING_SECONDS = 2.0
_ACT_SECONDS = 20.0
# Addresses that can be listened on but not connected to, and those to connect to instead.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104

_CREDENTIALS = re.compile(r"(?<=://)([^/?#]*)@")


class RestError(Exception):
    """No answer, or an unusable one; the message is for the operator and contains no secrets."""


class RefusedError(RestError):
    """The bot answers that it does not do what it is asked for.

    :param words: the bot's
    """

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


@dataclass(frozen=True)
class BotRest:
    """The REST API of a bot.

    :param url: such as `http://127.0.0.1:8080`
    :param user: of the API
    """

    url: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"BotRest({self.url})"

    def check_identity(self, bot: BotConfig) -> None:
        """Checks that this bot is the one that answers.

        :raises RestError: unless the bot of this configuration answers
        """
        health = self._ask("health", _PING_SECONDS)
        if bot.places.journal is None:
            self._check_by_name(bot)
            return
        try:
            started = TradeDatabase.at(bot.db_url).moment("startup_time")
        except DatabaseError as error:
            raise RestError(f"{self.url} answers, and whose it is is not known: {error}") from None
        if started is None or health.get("bot_startup_ts") != int(started.timestamp()):
            raise RestError(f"{self.url} answers, but it is not this bot: the start times differ")

    def _check_by_name(self, bot: BotConfig) -> None:
        """Checks a bot with a database in memory, which has no start time to compare."""
        shown = self._ask("show_config", _PING_SECONDS)
        wanted = (bot.dry_run, bot.config.get("bot_name", "freqtrade"))
        if (shown.get("dry_run"), shown.get("bot_name")) != wanted:
            raise RestError(f"{self.url} answers, but it is not this bot: mode or name differ")

    def pause(self) -> None:
        """Stops entries; exits and stops go on. A stopped bot becomes active again by this."""
        self._ask("stopbuy", _PING_SECONDS)

    def force_exit(self, trade_id: int | str) -> None:
        """Closes a trade at market.

        :param trade_id: or `all`
        """
        self._ask("forceexit", _ACT_SECONDS, trade_id, "market")

    def force_enter(
        self,
        pair: str,
        side: str,
        *,
        stake: float | None = None,
        leverage: float | None = None,
        tag: str | None = None,
    ) -> dict[str, Any]:
        """Enters a pair, or adds to its trade if it has one, and returns the trade.

        :param side: long or short; of an open trade, its own counts
        :raises RefusedError: if the bot does not enter
        """
        entered: dict[str, Any] = self._ask(
            "forceenter", _ACT_SECONDS, pair, side,
            stake_amount=stake, leverage=leverage, enter_tag=tag,
        )  # fmt: skip
        return entered

    def open_trades(self) -> list[StoredTrade]:
        """Returns the open trades; the bot requests their prices from the exchange for this."""
        shown = self._ask("status", _ACT_SECONDS, wanted=list)
        return [
            StoredTrade(trade["trade_id"], trade["pair"], trade["is_short"], trade["amount"], None)
            for trade in shown
        ]

    def _ask(
        self, what: str, seconds: float, *given: Any, wanted: type = dict, **named: Any
    ) -> Any:
        import requests
        from freqtrade_client import FtRestClient

        logging.getLogger("ft_rest_client").disabled = True  # failures are reported here
        client = FtRestClient(self.url, self.user, self.password, timeout=seconds)
        # The environment's proxy is meant for the exchange, and would see the password.
        client._session.trust_env = False
        try:
            answer = getattr(client, what)(*given, **named)
        except (requests.RequestException, ValueError) as error:
            kind = type(error).__name__
            raise RestError(f"{self.url} gives no answer to {what}: {kind}") from None
        finally:
            client._session.close()
        if not isinstance(answer, dict | list):
            raise RestError(f"{self.url} gives no answer to {what}")
        if isinstance(answer, dict) and "detail" in answer:
            raise RefusedError(
                f"{self.url} refuses {what}: {answer['detail']}", str(answer["detail"])
            )
        if isinstance(answer, dict) and "error" in answer:
            raise RefusedError(f"{what} failed in the bot: {answer['error']}", str(answer["error"]))
        if not isinstance(answer, wanted):
            raise RestError(f"{self.url} answers, but it is not this bot: {what} is another thing")
        return answer


def rest_of(config: Mapping[str, Any], url: str | None = None) -> BotRest | None:
    """Returns the bot's API, or None if it is off.

    :param config: Freqtrade's
    :param url: where it is reached, if that is not where it listens
    """
    api = config.get("api_server")
    if not isinstance(api, dict) or not api.get("enabled"):
        return None
    host = str(api.get("listen_ip_address", "127.0.0.1"))
    host = _ANY.get(host, f"[{host}]" if ":" in host else host)
    found = url or f"http://{host}:{api.get('listen_port', 8080)}"
    own = str(api.get("username", "")), str(api.get("password", ""))
    # A password of the URL would be in every message.
    credentials = _CREDENTIALS.search(found)
    if credentials is not None and not own[1]:
        user, _, password = credentials[1].partition(":")
        own = unquote(user), unquote(password)
    return BotRest(_CREDENTIALS.sub("", found, count=1).rstrip("/"), *own)

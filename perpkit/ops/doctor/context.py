"""What the checks look at: the configuration, and what it leads to, read once, never written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from perpkit.ops.doctor.finding import UnavailableError
from perpkit.ops.stored import BadInputError
from perpkit.rehearsal.redirection import venue_url

# ccxt, SQLAlchemy and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.ops.bot_config import BotConfig
    from perpkit.ops.doctor.clock import Sample
    from perpkit.ops.refusals import Refusal
    from perpkit.record.trade_database import TradeDatabase


@dataclass
class Context:
    """A check that asks for something that is not there is skipped, by `UnavailableError`.

    :param now: UTC
    :param files: of the configuration
    :param read: what they say, or why that cannot be read
    :param capital: of `--capital`, in stake currency
    """

    now: datetime
    files: Sequence[Path]
    read: BotConfig | str
    capital: float | None = None
    _began: float = field(default_factory=monotonic, repr=False)

    @property
    def present(self) -> datetime:
        """`now`, and what the checks have taken since."""
        return self.now + timedelta(seconds=monotonic() - self._began)

    @property
    def bot(self) -> BotConfig:
        if isinstance(self.read, str):
            raise UnavailableError("the configuration cannot be read")
        return self.read

    @property
    def config(self) -> Mapping[str, Any]:
        """Freqtrade's. A check changes nothing in it."""
        return self.bot.config

    @cached_property
    def client(self) -> Any:
        """A ccxt client of the bot's account."""
        from perpkit.ops.exchange import exchange_client

        try:
            return exchange_client(self.config)
        except BadInputError as error:
            raise UnavailableError(str(error)) from None

    @cached_property
    def public_client(self) -> Any:
        """A ccxt client without a key."""
        from perpkit.ops.exchange import public_client

        try:
            return public_client(self.config)
        except BadInputError as error:
            raise UnavailableError(str(error)) from None

    @cached_property
    def clock(self) -> list[Sample] | Refusal:
        """Of the exchange, or why it does not answer."""
        from perpkit.ops.doctor.clock import samples

        return samples(self.public_client)

    @cached_property
    def pairs(self) -> list[str]:
        """Of the whitelist, those that are traded at the exchange."""
        from perpkit.ops.doctor.pairs import whitelist

        return whitelist(self.config, self._markets)

    @cached_property
    def _markets(self) -> Mapping[str, Any]:
        """ccxt's, of USD-M futures alone: spot and the others are a request each."""
        client = self.public_client
        client.options["fetchMarkets"] = {"types": ["linear"]}
        markets: Mapping[str, Any] = client.load_markets()
        return markets

    @cached_property
    def tiers(self) -> Mapping[str, Any]:
        """ccxt's leverage tiers by pair: the exchange's, or without a key Freqtrade's file."""
        from perpkit.ops.doctor.pairs import bundled_tiers

        try:
            client = self.client
        except UnavailableError:
            return bundled_tiers()
        client.set_markets(self._markets)
        tiers: Mapping[str, Any] = client.fetch_leverage_tiers(self.pairs)
        return tiers

    @cached_property
    def strategy(self) -> Any:
        """As Freqtrade loads it for the bot, not started; it has seen no keys."""
        if isinstance(self.loaded, Exception):
            raise UnavailableError("the strategy cannot be loaded")
        return self.loaded

    @cached_property
    def loaded(self) -> Any:
        """The strategy, or the error that ended its loading."""
        from freqtrade.configuration import remove_exchange_credentials
        from freqtrade.resolvers import StrategyResolver

        config = deepcopy(dict(self.config))
        remove_exchange_credentials(config["exchange"], True)
        try:
            return StrategyResolver.load_strategy(config)
        except Exception as error:  # of somebody's own code, too
            return error

    @property
    def venue(self) -> str | None:
        """The simulated venue that the configuration leads to; None for the exchange."""
        return venue_url(self.config)

    @cached_property
    def database(self) -> TradeDatabase:
        """The trade database, which cannot be written through this."""
        from perpkit.record.trade_database import DatabaseError, TradeDatabase

        try:
            return TradeDatabase.at(self.bot.db_url, read_only=True)
        except DatabaseError as error:
            raise UnavailableError(str(error)) from None

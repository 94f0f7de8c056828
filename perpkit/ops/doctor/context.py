"""The input of the checks: the configuration and what it refers to, read once and never written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """The input of the checks; what is missing raises `UnavailableError`, which skips a check.

    :param now: UTC
    :param files: of the configuration
    :param read: the configuration, or why it cannot be read
    :param capital: of `--capital`, in stake currency
    """

    now: datetime
    files: Sequence[Path]
    read: BotConfig | str
    capital: float | None = None
    _began: float = field(default_factory=monotonic, repr=False)

    @property
    def present(self) -> datetime:
        """The present time: `now`, and what the checks have taken since."""
        return self.now + timedelta(seconds=monotonic() - self._began)

    @property
    def bot(self) -> BotConfig:
        if isinstance(self.read, str):
            raise UnavailableError("the configuration cannot be read")
        return self.read

    @property
    def config(self) -> Mapping[str, Any]:
        """Freqtrade's configuration, which no check may change."""
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
        """Samples of the exchange's clock, or why it does not answer."""
        from perpkit.ops.doctor.clock import samples

        return samples(self.public_client)

    @cached_property
    def pairs(self) -> list[str]:
        """The pairs of the whitelist that are traded at the exchange."""
        from perpkit.ops.doctor.pairs import whitelist

        return whitelist(self.config, self._markets)

    @cached_property
    def _markets(self) -> Mapping[str, Any]:
        """ccxt's markets of USD-M futures only: spot and the others cost a request each."""
        client = self.public_client
        client.options["fetchMarkets"] = {"types": ["linear"]}
        markets: Mapping[str, Any] = client.load_markets()
        return markets

    @cached_property
    def tiers(self) -> Mapping[str, Any]:
        """ccxt's leverage tiers by pair: the exchange's, or without a key those of Freqtrade."""
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
        """The strategy as Freqtrade loads it for the bot, not started, and without keys."""
        if isinstance(self.loaded, Exception):
            raise UnavailableError("the strategy cannot be loaded")
        return self.loaded

    @cached_property
    def loaded(self) -> Any:
        """The strategy, or the error with which its loading ended."""
        from perpkit.ops.bot_config import load_strategy

        try:
            return load_strategy(self.config)
        except Exception as error:  # also one of the strategy's own code
            return error

    @property
    def venue(self) -> str | None:
        """The simulated venue that the configuration leads to; None for the exchange."""
        return venue_url(self.config)

    @cached_property
    def database(self) -> TradeDatabase:
        """The trade database, opened read-only."""
        from perpkit.record.trade_database import DatabaseError, TradeDatabase

        try:
            return TradeDatabase.at(self.bot.db_url, read_only=True)
        except DatabaseError as error:
            raise UnavailableError(str(error)) from None

"""Gathers what `perpkit golive` judges: from a bot, its backtest, a rehearsal and the exchange.

What is given is read first, and may be refused; only then is anything judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.durations import DAY_S
from perpkit.files.errors import FileError
from perpkit.market.exchanges import facts_of
from perpkit.ops.bot_config import BotConfig
from perpkit.ops.golive_tested import other
from perpkit.ops.results_input import Input
from perpkit.ops.stored import BadInputError
from perpkit.record.urls import refuse_url

# pandas and scipy load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.golive.band import Band
    from perpkit.golive.criteria import Criteria, Kind
    from perpkit.golive.evidence import Evidence, Keys, Missing, NotAsked
    from perpkit.ops.stored_market import StoredMarket
    from perpkit.record.golive import Bound
    from perpkit.record.rehearsed import Rehearsal
    from perpkit.research.results import Results


@dataclass(frozen=True)
class Judged:
    """
    :param kind: of the strategy, by which its criteria are chosen
    :param bands: for the performance monitor; none without a backtest
    """

    kind: Kind
    criteria: Criteria
    evidence: Evidence
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Sources:
    """What an operator gives.

    :param strategy: as Freqtrade has loaded it
    :param offline: the exchange is not asked about the key
    """

    bot: BotConfig
    strategy: Any
    given: Input
    live: Path
    backtest: Path | None
    rehearsal: Path | None
    offline: bool = False

    @property
    def name(self) -> str:
        return type(self.strategy).__name__


@dataclass(frozen=True)
class Given:
    """What the sources have, read and looked at."""

    sources: Sources
    kind: Kind
    criteria: Criteria
    live: Results
    backtest: Results | None
    market: StoredMarket


def read(sources: Sources) -> Given:
    """Returns what was given.

    :raises ValueError, DatabaseError: naming what cannot be used
    """
    from perpkit.golive.criteria import Kind, criteria_of, kind_of
    from perpkit.golive.evidence import mean_seconds

    own = (sources.bot.config.get("perpkit") or {}).get("golive")
    named = kind_of(own)
    criteria_of(named or Kind.SWING, own)  # refuse early
    live, backtest = _live(sources), _backtest(sources)
    kind = named or (Kind.SWING if backtest is None else Kind.of(mean_seconds(backtest)))
    market = sources.given.market(backtest or live)
    return Given(sources, kind, criteria_of(kind, own), live, backtest, market)


def gather(given: Given, bound: Bound) -> Judged:
    """Returns the evidence, and the criteria for it.

    :param bound: what would trade
    :raises ValueError, DatabaseError, OSError: naming what cannot be used
    """
    from perpkit.golive import evidence as of
    from perpkit.golive.measuring import drawdown, made
    from perpkit.research.accounts import marked_account
    from perpkit.research.explaining import NoTwinsError, explained_results
    from perpkit.research.trade_statistics import trade_statistics

    sources, criteria, market = given.sources, given.criteria, given.market
    live, backtest = given.live, given.backtest
    config = with_strategy(sources.bot.config, sources.name)
    account = marked_account(live, market)
    lacking = of.Missing(f"give --backtest, of {sources.name} from long before the bot until now")
    parts: dict[str, Any] = dict.fromkeys(
        ("predicted", "slipped", "other", "made", "differing"), lacking
    )
    bands: list[Band] = []
    if backtest is not None:
        predicted, bands = made(criteria, account, live.start, marked_account(backtest, market))
        try:
            found = explained_results(live, backtest, market)
        except NoTwinsError as error:
            parts["slipped"] = parts["differing"] = of.Missing(str(error))
        else:
            parts["differing"] = of.differing(found)
            parts["slipped"] = of.slipped(found) or of.Missing("no trade of the bot has a twin")
        parts |= {
            "predicted": of.predicted_trades(backtest),
            "other": other(config, sources.strategy, backtest),
            "made": predicted,
        }
    evidence = of.Evidence(
        profits=tuple(trade.profit for trade in live.closed),
        statistics=trade_statistics(live.trades),
        days=(live.end - live.start) / DAY_S,
        drawdown=drawdown(account),
        ran=_ran(sources, bound, live),
        rehearsal=_rehearsal(sources),
        keys=_keys(sources),
        **parts,
    )
    return Judged(given.kind, criteria, evidence, tuple(bands))


def _live(sources: Sources) -> Results:
    from perpkit.record.trade_database import TradeDatabase
    from perpkit.rehearsal.redirection import leads_to_venue

    given, wallet = sources.given, sources.bot.config.get("dry_run_wallet")
    if given.starting_balance is None and isinstance(wallet, int | float) and sources.bot.dry_run:
        given = replace(given, starting_balance=float(wallet))
    refuse_url("live", sources.live)
    if not sources.live.is_file():
        raise BadInputError(
            f"live must be the bot's trade database, got {sources.live}, which is not there"
        )
    try:
        found = given.results(sources.live, sources.name)
    except FileError:
        found = None
    if found is None or not found.is_bot:
        raise BadInputError(f"live must be a bot's trade database, got {sources.live}")
    database = TradeDatabase.at(f"sqlite:///{sources.live}", read_only=True)
    rows = database.rows("SELECT DISTINCT strategy FROM trades")
    if others := {row.strategy or "no strategy" for row in rows} - {sources.name}:
        # One account: with what they made, its balances and days are not of the strategy alone.
        raise BadInputError(
            f"live must have no trades but those of {sources.name}, got {sources.live}, which has "
            f"some of {', '.join(sorted(others))}, too: begin a dry-run with a database of its own"
        )
    if database.venue_mode() is not None and not leads_to_venue(sources.bot.config):
        raise BadInputError(
            f"live must be of a bot that saw the exchange's market, got {sources.live}, which has "
            "the trades of rehearsals at a simulated venue"
        )
    return found


def _backtest(sources: Sources) -> Results | None:
    if sources.backtest is None:
        return None
    found = sources.given.results(sources.backtest, sources.name)
    if found.is_bot:
        raise BadInputError(f"backtest must be a backtest export, got {sources.backtest}")
    return found


def _ran(sources: Sources, bound: Bound, live: Results) -> tuple[str, ...] | Missing:
    """Returns in what the bot was not what would trade."""
    from perpkit.golive.evidence import Missing
    from perpkit.record.places import places
    from perpkit.record.ran import changed_since
    from perpkit.record.ran import read as read_ran

    path = places(f"sqlite:///{sources.live}", sources.bot.user_data_dir).ran
    try:
        first = min(trade.fills[0].at for trade in live.trades)
        found = changed_since(read_ran(path), bound, datetime.fromtimestamp(first, UTC))
    except FileError as error:
        return Missing(str(error))
    if found is None:
        return Missing(
            f"{path} does not have what the bot traded with since its first trade: begin another "
            "dry-run, with the risk layer, and keep that file beside its database"
        )
    return tuple(found)


def _rehearsal(sources: Sources) -> Rehearsal | Missing:
    from perpkit.golive.evidence import Missing
    from perpkit.record.rehearsed import read

    if sources.rehearsal is None:
        return Missing(
            "rehearse with `perpkit venue --live --overlay FILE`, and give --rehearsal the record "
            "that it names when it ends"
        )
    try:
        found = read(sources.rehearsal)
    except FileError as error:
        return Missing(str(error))
    if sources.name not in found.strategies:
        named = ", ".join(found.strategies) or "none"
        return Missing(f"{sources.rehearsal} is not of {sources.name}: its strategies are {named}")
    return found


def _keys(sources: Sources) -> Keys | NotAsked | Missing:
    from perpkit.golive.evidence import Keys, Missing, NotAsked
    from perpkit.ops.keys.findings import key_findings
    from perpkit.ops.level import Level

    name = sources.bot.config["exchange"]["name"]
    if not facts_of(name).keeps_orders:
        return NotAsked(f"Perpkit cannot check a key of {name}, look at it there")
    if sources.offline:
        return Missing("the exchange was not asked: leave out --offline")
    from perpkit.ops.exchange import exchange_client

    try:
        client = exchange_client(sources.bot.config)
    except BadInputError as error:
        return Missing(f"{error}; `perpkit keys exec -- perpkit golive ...` gives a stored one")
    found = key_findings(sources.bot, client)
    return Keys(
        # What was not checked may fail.
        wrong=tuple(
            f"{each.check}: {'not checked' if each.level is Level.SKIPPED else each.words}"
            for each in found
            if each.level in (Level.FAIL, Level.SKIPPED)
        ),
        warned=tuple(f"{each.check}: {each.words}" for each in found if each.level is Level.WARN),
    )


def with_strategy(config: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """:raises BadInputError: if no strategy is named"""
    named = name or config.get("strategy")
    if not named:
        raise BadInputError('strategy must be named, by --strategy or "strategy" in the config')
    return {**config, "strategy": named}

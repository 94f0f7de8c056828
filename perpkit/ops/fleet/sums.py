"""The sums over the bots of a fleet, and what their limits ask for; pure.

Live and simulated money are not added up: each mode has sums of its own. Bots on one account share
its wallet, which is counted once; so is the request weight of bots that ask from one address.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from perpkit.ops.fleet.fleet_file import Limits
from perpkit.ops.fleet.readings import Reading
from perpkit.record.latch import LatchState
from perpkit.record.state_holdings import Account

# Freqtrade reads the balance after each fill, and every half hour.
_BALANCE = timedelta(minutes=35)


@dataclass(frozen=True)
class Sum:
    """The bots of one mode.

    :param accounts: names of the accounts that are in it, and of the parts of those that have one
        for each bot
    :param equity: of all accounts, in stake currency; None if it is not known
    :param gross: notional of longs plus shorts of all bots; None if it is not known
    :param unknown: what is not known, and why
    """

    live: bool
    accounts: tuple[str, ...]
    currency: str
    equity: float | None
    gross: float | None
    unknown: tuple[str, ...] = ()

    @property
    def mode(self) -> str:
        return "live" if self.live else "dry-run"


@dataclass(frozen=True)
class Breach:
    """A limit that is exceeded, and what it asks for.

    :param why: with the figures, for the operator
    """

    state: LatchState
    why: str


def sums(readings: Sequence[Reading]) -> list[Sum]:
    """Returns the sum of each mode, live first."""
    by_mode = sorted(readings, key=lambda each: not each.member.live)
    return [_sum(live, list(of)) for live, of in groupby(by_mode, lambda each: each.member.live)]


def _sum(live: bool, readings: list[Reading]) -> Sum:
    unknown, accounts, equities, gross = [], [], [], 0.0
    currencies = set()
    for each in readings:
        account, why = _account(each)
        if account is None:
            unknown.append(f"{each.member.bot.name}: {why}")
        else:
            currencies.add(account.currency)
            gross += account.gross or 0.0
    for (_, name), group in groupby(_by_account(readings), lambda each: each.member.account):
        members = list(group)
        accounts += _capitals(name, members)
        equity, why = _equity(members)
        equities.append(equity or 0.0)
        if why:
            unknown.append(f"account {name}: {why}")
    if len(currencies) > 1:
        unknown.append(f"the stake currencies differ: {', '.join(sorted(currencies))}")
    known = not unknown
    currency = "/".join(sorted(currencies))
    equity, gross_known = (sum(equities), gross) if known else (None, None)
    return Sum(live, tuple(accounts), currency, equity, gross_known, tuple(unknown))


def _by_account(readings: Iterable[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda each: each.member.account)


def _capitals(name: str, readings: list[Reading]) -> list[str]:
    """Returns what an account is to `peaks`: a part that comes or goes is no profit and no loss."""
    if not all(each.member.own_capital for each in readings):
        return [name]
    return sorted(f"{name}/{each.member.bot.name}" for each in readings)


def _account(reading: Reading) -> tuple[Account | None, str]:
    """Returns the figures of a bot if all of them are known, and otherwise why they are not."""
    state = reading.present
    if state is None:
        return None, reading.problem
    account = state.account
    if account is None:
        return None, state.missing.get("account", "its state file has no account")
    figures = {"equity": account.equity, "exposure": account.gross, "profit": account.unrealised}
    if lacking := [name for name, figure in figures.items() if figure is None]:
        return None, f"it does not know its {' and '.join(lacking)} now"
    return account, ""


def _equity(readings: list[Reading]) -> tuple[float | None, str]:
    """Returns the equity of one account."""
    known = [account for each in readings if (account := _account(each)[0]) is not None]
    if len(known) < len(readings):
        return None, ""  # said of the bot
    own = {each.member.own_capital for each in readings}
    if own == {True} or len(known) == 1:
        return sum(account.equity or 0.0 for account in known), ""
    if len(own) > 1:
        return None, "either all of its bots must have available_capital, or none"
    return _shared(known, max(each.state.written_at for each in readings if each.state))


def _shared(known: list[Account], now: datetime) -> tuple[float | None, str]:
    """Returns the equity of an account that several bots trade on.

    Their own equities do not do: each takes what the others have lost for money that was taken out,
    and counts it half an hour late. Only the newest balance has all that was realised. It has the
    fees of open entries and their funding as well: the fees count twice, which is cautious, and the
    funding once.

    :param now: when the newest of their states was written
    """
    balances = [
        (account.balance_at, account.balance)
        for account in known
        if account.balance_at is not None and account.balance is not None
    ]
    if len(balances) < len(known):
        return None, (
            "not all of its bots know its balance: they need Freqtrade 2026.9 or newer, or "
            "available_capital of their own"
        )
    if any(account.funding is None for account in known):
        return None, "not all of its bots know their funding now"
    at, balance = max(balances, key=lambda each: (each[0], -each[1]))
    if now - at > _BALANCE:
        return None, f"its balance was read last at {at:%Y-%m-%d %H:%M:%S} UTC"
    return balance + sum((a.unrealised or 0.0) - (a.funding or 0.0) for a in known), ""


def breaches(found: Sum, peak: float | None, limits: Limits) -> list[Breach]:
    """Returns which limits are exceeded; none if the sum is not known.

    :param peak: highest equity so far
    """
    if found.equity is None or found.gross is None:
        return []
    broken = []
    of = f"{found.equity:,.2f} {found.currency}"
    most = limits.max_gross
    if most is not None and found.gross > most * max(found.equity, 0.0):
        times = f"{found.gross / found.equity:.2f} times" if found.equity > 0 else "beyond"
        broken.append(
            Breach(
                LatchState.REDUCING,
                f"the fleet's exposure of {found.gross:,.2f} {found.currency} is {times} its "
                f"equity of {of}, above {most:g}",
            )
        )
    lost = limits.max_drawdown
    if lost is not None and peak is not None and found.equity <= peak * (1 - lost) < peak:
        broken.append(
            Breach(
                LatchState.HALTED,
                f"the fleet's equity of {of} is {1 - found.equity / peak:.1%} below its highest of "
                f"{peak:,.2f}, at least {lost:.1%}",
            )
        )
    return broken


@dataclass(frozen=True)
class Weight:
    """The request weight of an address within a minute; None where no bot knows it."""

    address: str
    bots: tuple[str, ...]
    used: int | None
    limit: int | None


def weights(readings: Iterable[Reading]) -> list[Weight]:
    """Returns the weight of each address once: each bot there reports that of all of them."""
    found = []
    by_address = sorted(readings, key=lambda each: each.member.bot.address)
    for address, of in groupby(by_address, lambda each: each.member.bot.address):
        members = list(of)
        requests = [each.present.requests for each in members if each.present is not None]
        stated = [each for each in requests if each is not None and each.used_weight is not None]
        found.append(
            Weight(
                address,
                tuple(each.member.bot.name for each in members),
                max((each.used_weight or 0 for each in stated), default=None),
                min((each.weight_limit for each in stated), default=None),
            )
        )
    return found

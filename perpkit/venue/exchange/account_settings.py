"""Changes of an account's settings by a user other than the bot.

They follow the same rules as the bot's own requests, because another user of the account can do no
more than the exchange allows. While a position is open, leverage may change; margin type may not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from perpkit.venue.engine import Account, Engine
from perpkit.venue.engine.events import Event
from perpkit.venue.errors import VenueError
from perpkit.venue.faults.faults import Fault


@dataclass(frozen=True)
class SettingsChange:
    """The settings to change; None leaves a setting as it is.

    :param margin_type: "ISOLATED" or "CROSSED"
    """

    leverage: int | None = None
    margin_type: str | None = None
    hedge: bool | None = None
    multi_assets: bool | None = None

    @classmethod
    def of(cls, fault: Fault) -> SettingsChange:
        """Reads the changes from a fault of kind `SETTINGS_CHANGED`."""

        flags: dict[str, bool | None] = {"same": None, "yes": True, "no": False}
        margin_type = fault.text("margin_type")
        return cls(
            int(fault.number("leverage")) or None,
            None if margin_type == "same" else margin_type,
            flags[fault.text("hedge")],
            flags[fault.text("multi_assets")],
        )

    @property
    def of_symbol(self) -> bool:
        """Whether settings of a symbol change, not only those of the account."""
        return self.leverage is not None or self.margin_type is not None


def change(
    engine: Engine, account: Account, symbol: str | None, settings: SettingsChange, now: int
) -> None:
    """Applies all of `settings` or, if one is refused, none; skips those that are so already.

    :param symbol: symbol whose leverage and margin type change
    :param now: when this happens, ms: in a replay it is before the market's present
    :raises VenueError: the exchange's refusal
    """
    before = account.hedge, account.multi_assets
    listener, reported = account.listener, list[Event]()
    account.listener = reported.append
    holding = account.holdings.get(symbol or "")
    isolated = holding is not None and holding.isolated
    wanted = settings.margin_type == "ISOLATED"
    try:
        if settings.multi_assets not in (None, account.multi_assets):
            engine.set_multi_assets(account, multi_assets=not account.multi_assets)
        if settings.hedge not in (None, account.hedge):
            engine.set_position_mode(account, hedge=not account.hedge)
        if symbol is not None and settings.margin_type is not None and wanted is not isolated:
            engine.set_margin_type(account, symbol, isolated=wanted)
        # Last, because the margin that a higher leverage frees cannot be taken back.
        if symbol is not None and settings.leverage is not None:
            engine.set_leverage(account, symbol, settings.leverage)
    except VenueError:
        account.hedge, account.multi_assets = before
        if symbol in account.holdings:
            account.holdings[symbol].isolated = isolated
        reported.clear()
        raise
    finally:
        account.listener = listener
        for event in reported:
            account.report(replace(event, time=now))

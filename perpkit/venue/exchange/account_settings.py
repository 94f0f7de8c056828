"""Settings of an account, changed by somebody else than the bot.

By the same rules as the bot's own requests: whoever has the account can do no more at the exchange
than the exchange allows, so with a position open leverage may change and margin type may not.
"""

from __future__ import annotations

from dataclasses import dataclass

from perpkit.venue.engine import Account, Engine
from perpkit.venue.errors import VenueError
from perpkit.venue.faults.faults import Fault


@dataclass(frozen=True)
class SettingsChange:
    """None leaves a setting as it is.

    :param margin_type: "ISOLATED" or "CROSSED"
    """

    leverage: int | None = None
    margin_type: str | None = None
    hedge: bool | None = None
    multi_assets: bool | None = None

    @classmethod
    def of(cls, fault: Fault) -> SettingsChange:
        """:param fault: of kind `SETTINGS_CHANGED`"""

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
        """Whether it says something of a symbol's settings."""
        return self.leverage is not None or self.margin_type is not None


def change(engine: Engine, account: Account, symbol: str | None, settings: SettingsChange) -> None:
    """All of `settings`, or none; what is so already is passed over.

    :param symbol: for leverage and margin type
    :raises VenueError: the exchange's refusal
    """
    before = account.hedge, account.multi_assets
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
        # Last, because more leverage frees margin, which nothing takes back.
        if symbol is not None and settings.leverage is not None:
            engine.set_leverage(account, symbol, settings.leverage)
    except VenueError:
        account.hedge, account.multi_assets = before
        if symbol in account.holdings:
            account.holdings[symbol].isolated = isolated
        raise

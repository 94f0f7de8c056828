"""Control of an account's settings, as its owner changes them on the exchange's pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from fastapi import FastAPI, HTTPException
from pydantic import Field

from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.account_settings import SettingsChange, change
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.control import Body


class NewSettings(Body):
    """New settings of an account; those left out stay as they are.

    :param symbol: contract that `leverage` and `margin_type` apply to
    """

    api_key: str
    symbol: str | None = None
    leverage: int | None = Field(default=None, ge=1, le=125)
    margin_type: Literal["ISOLATED", "CROSSED"] | None = None
    hedge: bool | None = None
    multi_assets: bool | None = None


def add_settings_control(app: FastAPI, exchange: Exchange) -> None:
    """Adds the route of settings to an application that is mounted at /control."""
    engine = exchange.engine

    @app.post("/settings")
    async def set_settings(body: NewSettings) -> dict[str, Any]:
        """Changes all of the settings or none, and returns those now in force."""
        settings = SettingsChange(body.leverage, body.margin_type, body.hedge, body.multi_assets)
        if settings == SettingsChange():
            raise HTTPException(400, f"one of {', '.join(asdict(settings))} must be given")
        if settings.of_symbol and body.symbol is None:
            raise HTTPException(400, "symbol must be given for leverage and margin_type")
        now = exchange.catch_up(body.symbol)
        try:
            account = engine.account(body.api_key)
            change(engine, account, body.symbol, settings, now)
        except VenueError as error:
            raise HTTPException(400, str(error)) from error
        exchange.checker.observe(engine, now)
        held = account.holdings.get(body.symbol or "")
        shown = {"hedge": account.hedge, "multi_assets": account.multi_assets}
        if held is None:
            return shown
        margin_type = "ISOLATED" if held.isolated else "CROSSED"
        return {**shown, "leverage": held.leverage, "margin_type": margin_type}

"""Control of what an account's API key may do, as its owner sets it on the exchange's pages."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException
from pydantic import AfterValidator, Field

from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http import settings_payloads
from perpkit.venue.http.control import Body
from perpkit.venue.http.form import LONGEST


def _checked_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"addresses must be IP addresses, got {text[:50]!r}") from None


class NewPermissions(Body):
    """New values by the names of `Restrictions`; what is left out, or null, stays as it is.

    :param addresses: IP addresses that may use the key; an empty list allows every address
    :param made: creation of the key, ms
    :param expires: expiry of the permission to trade, ms; 0 for never
    """

    api_key: str
    read: bool | None = None
    trade: bool | None = None
    withdraw: bool | None = None
    internal_transfer: bool | None = None
    universal_transfer: bool | None = None
    spot: bool | None = None
    margin: bool | None = None
    options: bool | None = None
    portfolio_margin: bool | None = None
    fix_trade: bool | None = None
    fix_read: bool | None = None
    addresses: (
        Annotated[list[Annotated[str, AfterValidator(_checked_address)]], Field(max_length=30)]
        | None
    ) = None
    made: int | None = Field(default=None, ge=0, le=LONGEST)
    expires: int | None = Field(default=None, ge=0, le=LONGEST)


def add_key_control(app: FastAPI, exchange: Exchange) -> None:
    """Adds the route of permissions to an application that is mounted at /control."""

    @app.post("/permissions")
    async def set_permissions(body: NewPermissions) -> dict[str, Any]:
        """Returns the restrictions now in force, in the exchange's shape."""
        changes = body.model_dump(exclude={"api_key"}, exclude_none=True)
        if not changes:
            names = NewPermissions.model_fields.keys() - {"api_key"}
            raise HTTPException(400, f"one of {', '.join(sorted(names))} must be given")
        if "addresses" in changes:
            changes["addresses"] = frozenset(changes["addresses"])
        if "expires" in changes:
            changes["expires"] = changes["expires"] or None
        try:
            account = exchange.engine.account(body.api_key)
        except VenueError as error:
            raise HTTPException(400, str(error)) from error
        account.restrictions = replace(account.restrictions, **changes)
        return settings_payloads.restrictions(account)

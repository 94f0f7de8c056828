"""`perpkit webhook`: reads the options and starts the server."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import Config, DbUrl, Userdir, errors, fail
from perpkit.ops.stored import BadInputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from perpkit.ops.bot_config import BotConfig
    from perpkit.ops.stop.rest import BotRest

SECRET = "PERPKIT_WEBHOOK_SECRET"  # noqa: S105


def webhook(
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")] = 8090,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="An address or network that alerts may come from; may be repeated."),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(help="A proxy whose X-Forwarded-For is believed; may be repeated."),
    ] = None,
    window: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds that an alert may be old.")
    ] = 60,
    entries: Annotated[
        int, typer.Option(min=1, max=600, help="Entries a minute; exits are not counted.")
    ] = 10,
    rest_url: Annotated[
        str | None, typer.Option(help="Where the bot's API is reached, if not where it listens.")
    ] = None,
) -> None:
    """Turn alerts, of TradingView for example, into entries and exits of a bot.

    Alerts are posted to /alert and know the secret in the environment variable
    PERPKIT_WEBHOOK_SECRET. Entries pass the bot's breakers, sizes and limits as its own do.
    """
    with errors(ValueError):
        from perpkit.ops.bot_config import read_config

        bot = read_config(config, userdir, db_url)
        served = _app(bot, allow or [], proxy or [], window, entries, rest_url)
        _announce(bot, host, allow or [])
    import uvicorn

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # The proxies are named here, not taken from the environment.
    try:
        uvicorn.run(served, host=host, port=port, proxy_headers=False, access_log=False)
    except SystemExit:  # it has logged why
        fail(f"--host and --port cannot be listened on, got {host}:{port}")


def _app(
    bot: BotConfig,
    allow: list[str],
    proxy: list[str],
    window: float,
    entries: int,
    rest_url: str | None,
) -> FastAPI:
    """:raises BadInputError, ValueError: naming the option or variable that is missing or wrong"""
    from perpkit.ops.stop.rest import rest_of
    from perpkit.ops.webhook.authority import LEAST_SECRET, Addresses, networks

    secret = os.environ.get(SECRET, "")
    if len(secret) < LEAST_SECRET:
        raise BadInputError(
            f"{SECRET} must be a secret of at least {LEAST_SECRET} characters in the environment, "
            f"got {len(secret)}"
        )
    addresses = Addresses(networks(allow, "--allow"), networks(proxy, "--proxy"))
    rest = rest_of(bot.config, rest_url)
    if rest is None:
        raise BadInputError('"api_server" must be enabled in the bot\'s configuration')
    is_there = _is_there(bot, rest)
    try:
        from limits import RateLimitItemPerMinute
    except ModuleNotFoundError:
        raise BadInputError("limits is missing: pip install 'perpkit[webhook]'") from None
    from perpkit.ops.webhook.app import create_app
    from perpkit.ops.webhook.door import Door
    from perpkit.ops.webhook.orders import Orders
    from perpkit.ops.webhook.reasons import newest_refusal

    log = bot.places.decisions
    door = Door(
        secret,
        addresses,
        entries=RateLimitItemPerMinute(entries),
        window=timedelta(seconds=window),
    )
    orders = Orders(
        rest,
        lambda pair, since: newest_refusal(log, pair, since),
        lambda: rest.check_identity(bot),
        is_there,
    )
    return create_app(door, orders)


def _is_there(bot: BotConfig, rest: BotRest) -> bool:
    """Whether the bot answers; one that does not may yet start.

    :raises BadInputError: if another bot answers
    """
    from perpkit.ops.stop.rest import RestError

    try:
        rest.check_identity(bot)
    except RestError as error:
        if "not this bot" in str(error):
            raise BadInputError(str(error)) from None
        typer.echo(f"{error}. Alerts are refused until this bot answers.", err=True)
        return False
    return True


def _announce(bot: BotConfig, host: str, allow: list[str]) -> None:
    mode = "dry-run" if bot.dry_run else "LIVE"
    typer.echo(f"Alerts become orders of a {mode} bot: {', '.join(map(str, bot.files))}")
    if not bot.config.get("force_entry_enable"):
        typer.echo(
            '"force_entry_enable" is false in its configuration: exits only, entries are refused.'
        )
    if not _is_loopback(host) and not allow:
        typer.echo(
            f"Listening on {host} without --allow: anybody who reaches it may try a secret. "
            "Put a proxy with TLS in front of it: alerts carry the secret."
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

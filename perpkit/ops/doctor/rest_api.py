"""Checks the bot's REST API: who can reach it, whether its secrets are safe, whether it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from perpkit.ops.doctor.answers import get
from perpkit.ops.doctor.finding import Finding, fail, ok, skipped, warn
from perpkit.ops.doctor.running import running_state

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

# The minimum of PyJWT for HS256, and of Freqtrade's own warning.
_LONG_ENOUGH = 32
_LEAST_PASSWORD = 12
# From examples in Freqtrade's documentation and templates, and common choices.
_EXAMPLES = {
    "super-secret",
    "supersecurepassword",
    "somethingrandom",
    "somethingrandomsomethingrandom123",
    "password",
    "freqtrader",
}
_PASSWORD = "set FREQTRADE__API_SERVER__PASSWORD in the environment"  # noqa: S105
_RANDOM = "python -c 'import secrets; print(secrets.token_hex())' makes one"


def check(context: Context) -> Iterator[Finding]:
    """Asks the bot only whether it answers, and for its version."""
    from freqtrade.configuration.detect_environment import running_in_docker

    own = context.config.get("api_server") or {}
    if not own.get("enabled"):
        yield skipped("api_server.enabled is not set: perpkit stop then acts by the exchange alone")
        return
    yield from configured(own, in_container=running_in_docker())
    running = running_state(context.bot, context.present)
    yield from _answering(own, running is not None)


def configured(own: Mapping[str, Any], *, in_container: bool) -> Iterator[Finding]:
    """Judges the settings of the API.

    :param own: `api_server` of the configuration
    """
    yield _address(str(own.get("listen_ip_address", "")), in_container)
    key = str(own.get("jwt_secret_key") or "")
    if len(key) < _LONG_ENOUGH or _is_example(key):
        yield fail(
            f"api_server.jwt_secret_key must be random and have {_LONG_ENOUGH} characters or more: "
            "who guesses it makes a login of his own",
            f"set FREQTRADE__API_SERVER__JWT_SECRET_KEY in the environment; {_RANDOM}",
        )
    password = str(own.get("password") or "")
    if not own.get("username") or not password:
        yield fail("api_server.username and api_server.password must not be empty", _PASSWORD)
    elif len(password) < _LEAST_PASSWORD or _is_example(password):
        yield warn(
            "api_server.password is short or well known: who guesses it can close and open trades",
            f"{_PASSWORD}; {_RANDOM}",
        )
    if "*" in (own.get("CORS_origins") or []):
        yield warn(
            "api_server.CORS_origins allows every web site that the operator visits",
            'name the addresses of FreqUI, such as "http://localhost:3000", or none',
        )


def _is_example(text: str) -> bool:
    return text.lower() in _EXAMPLES


def _address(text: str, in_container: bool) -> Finding:
    try:
        address = ip_address(text)
    except ValueError:
        return ok(f"It listens on {text}") if text == "localhost" else _everywhere(text)
    if address.is_loopback:
        return ok(f"It listens on {text}, which this machine alone can reach")
    if address.is_unspecified and in_container:
        return ok(f"It listens on {text} within a container: publish its port on 127.0.0.1 alone")
    if address.is_unspecified or address.is_global:
        return _everywhere(text)
    return warn(
        f"api_server.listen_ip_address is {text}: all of that network can try the password, "
        "which is sent without encryption",
        'set it to "127.0.0.1" and come by a VPN, an SSH tunnel or a proxy with TLS',
    )


def _everywhere(text: str) -> Finding:
    return fail(
        f"api_server.listen_ip_address is {text}: every network that this machine is in can try "
        "the password, which is sent without encryption",
        'set it to "127.0.0.1" and come by a VPN, an SSH tunnel or a proxy with TLS',
    )


def _answering(own: Mapping[str, Any], running: bool) -> Iterator[Finding]:
    url = _url(own)
    ping = get(f"{url}/ping", seconds=3.0)
    if ping.content.get("status") != "pong":
        what = ping.error or f"status {ping.status}"
        if running:
            yield fail(
                f"The bot runs, and its REST API does not answer: {what}",
                "look into the bot's log for the port that is taken, or for a bot that hangs",
            )
        elif ping.status is None:
            yield skipped("not asked: the bot does not run")
        else:
            yield warn(
                f"Something else answers at {url}: {what}",
                "give the bot another api_server.listen_port",
            )
        return
    login = str(own.get("username", "")), str(own.get("password", ""))
    version = get(f"{url}/version", login, seconds=3.0)
    if version.status in (401, 403):
        yield fail(
            "The bot's REST API refuses username and password of the configuration",
            "the bot runs with others: start it again, or read the configuration that it has read",
        )
    elif version.status != 200:
        yield warn(f"The REST API answers /version with {version.status}", "see the bot's log")
    else:
        yield ok("It answers, and takes username and password")


def _url(own: Mapping[str, Any]) -> str:
    """Returns the URL of the API as seen from this machine."""
    text = str(own.get("listen_ip_address", "127.0.0.1"))
    try:
        address = ip_address(text)
        if address.is_unspecified:
            text = "127.0.0.1" if address.version == 4 else "::1"
        text = f"[{text}]" if ":" in text else text
    except ValueError:
        pass  # a name, such as localhost, which stays as it is
    return f"http://{text}:{own.get('listen_port', 8080)}/api/v1"

"""Checks whether a Freqtrade configuration leads to the exchange or entirely to a simulated venue.

ccxt takes each API's URL from the configuration and keeps the exchange's for those that are
missing. Without this check, a configuration that redirects only some URLs, or carries keys of the
exchange, would go unnoticed until its requests are sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

# Every API that ccxt knows for Binance, used or not: none may reach the real exchange.
API_PATHS = {
    "fapiPublic": "/fapi/v1",
    "fapiPublicV2": "/fapi/v2",
    "fapiPublicV3": "/fapi/v3",
    "fapiPrivate": "/fapi/v1",
    "fapiPrivateV2": "/fapi/v2",
    "fapiPrivateV3": "/fapi/v3",
    "fapiData": "/futures/data",
    "dapiPublic": "/dapi/v1",
    "dapiPrivate": "/dapi/v1",
    "dapiPrivateV2": "/dapi/v2",
    "dapiData": "/dapi/data",
    "eapiPublic": "/eapi/v1",
    "eapiPrivate": "/eapi/v1",
    "papi": "/papi/v1",
    "papiV2": "/papi/v2",
    "sapi": "/sapi/v1",
    "sapiV2": "/sapi/v2",
    "sapiV3": "/sapi/v3",
    "sapiV4": "/sapi/v4",
    "public": "/api/v3",
    "private": "/api/v3",
    "v1": "/api/v1",
}
# Set by the overlay: {"accounts": {KEY: SECRET}}. Only these credentials may be used at the venue.
VENUE = "perpkit_venue"

# Freqtrade's sections for ccxt: for both clients, for the sync client and for the async client.
_BOTH, _CLIENTS = "ccxt_config", ("ccxt_sync_config", "ccxt_async_config")
# ccxt's credentials, and their names in Freqtrade's "exchange" section.
_CREDENTIALS = {
    "apiKey": ("api_key", "apiKey", "key"),
    "secret": ("secret",),
    "password": ("password",),
    "uid": ("uid",),
    "accountId": ("account_id", "accountId"),
    "walletAddress": ("wallet_address", "walletAddress"),
    "privateKey": ("private_key", "privateKey"),
    "token": (),
    "login": (),
}
_ELSEWHERE = re.compile("sandbox|testnet|demo", re.IGNORECASE)  # ccxt then uses other URLs
_PROXY = re.compile("proxy|proxies|trust_env", re.IGNORECASE)
_PREFIX = "FREQTRADE__"
# The settings of an overlay, spelled as in Freqtrade's environment variables.
_OWN = [
    *(
        ("exchange", name.lower())
        for names in _CREDENTIALS.values()
        for name in names
    ),
    *(("exchange", name) for name in ("name", "enable_ws", "only_from_ccxt", _BOTH, *_CLIENTS)),
    ("dry_run",),
    ("db_url",),
    ("datadir",),
    ("logfile",),
    (VENUE,),
]  # fmt: skip
_LAST = "give the overlay as the last configuration"


def is_loopback(url: object) -> bool:
    """Whether the host of a URL is this machine; names are not resolved."""
    try:
        host = urlsplit(str(url)).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def venue_url(config: Mapping[str, Any]) -> str | None:
    """Returns the URL of the venue that a configuration leads to, or None if it leads to none.

    It is the first URL on this machine.
    """
    for client in _clients(config):
        for url in _api(client).values():
            if is_loopback(url):
                scheme, host, *_ = urlsplit(str(url))
                return f"{scheme}://{host}"
    return None


def leads_to_venue(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is meant for a venue, even if it is only partly redirected."""
    return VENUE in config or venue_url(config) is not None


def problems(config: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Returns why a configuration that leads to a venue must not be started.

    :param config: Freqtrade's, merged from its files and the environment
    :param environment: of the process; no message contains its values
    :return: sentences that name the setting or variable and the remedy; empty if all is well, or
        if the configuration does not lead to a venue
    """
    if not leads_to_venue(config):
        return []
    variables = _overriding(environment)
    if variables:
        return [
            f"the environment sets {', '.join(variables)} over the venue's overlay: "
            "unset what is meant for the exchange"
        ]
    exchange = _section(config, "exchange")
    return [*_leaks(exchange), *_foreign_credentials(config, exchange)]


def _leaks(exchange: Mapping[str, Any]) -> Iterator[str]:
    """Yields the ways in which requests would bypass the venue."""
    name = str(exchange.get("name", "binance")).lower()
    if name not in ("binance", "binanceusdm"):
        yield f'the venue is Binance, and "exchange.name" is "{name}"'
    for setting, needed in (("enable_ws", False), ("only_from_ccxt", True)):
        if exchange.get(setting, not needed) is not needed:
            value = str(needed).lower()
            yield f'"exchange.{setting}" must be {value} for the venue: {_LAST}'
    for setting in _set(exchange, _ELSEWHERE):
        yield f'"exchange.{setting}" leads to the exchange\'s test network: leave it out'
    for section in (_BOTH, *_CLIENTS):
        own = _section(exchange, section)
        for options, prefix in ((own, section), (_section(own, "options"), f"{section}.options")):
            for setting in _set(options, _ELSEWHERE):
                yield f'"exchange.{prefix}.{setting}" leads to the test network: leave it out'
        for setting in _set(own, _PROXY):
            yield f'"exchange.{section}.{setting}" leads past the venue: leave it out here'
    for client, section in zip(_clients({"exchange": exchange}), _CLIENTS, strict=True):
        api = _api(client)
        astray = sorted(n for n in {*API_PATHS, *api} if not is_loopback(api.get(n, "")))
        if astray:
            shown = ", ".join(astray[:3]) + (", ..." if len(astray) > 3 else "")
            yield (
                f'"urls.api" of "exchange.{_BOTH}" and "exchange.{section}" must lead to the venue '
                f"for every API, and does not for {shown}: {_LAST}"
            )
            return


def _foreign_credentials(config: Mapping[str, Any], exchange: Mapping[str, Any]) -> Iterator[str]:
    """Yields a problem if credentials are not the overlay's, and so may be the exchange's."""
    accounts = _section(_section(config, VENUE), "accounts")
    for client in _clients(config):
        # Which of several names takes effect depends on Freqtrade's release, so all are checked.
        given = {
            name: {str(v) for v in (client.get(name), *map(exchange.get, names)) if v}
            for name, names in _CREDENTIALS.items()
        }
        keys, secrets = given.pop("apiKey"), given.pop("secret")
        foreign = [name for name, values in given.items() if values]
        if not keys <= accounts.keys() or not secrets <= {accounts[key] for key in keys}:
            foreign = ["key", "secret", *foreign]
        if foreign:
            yield (
                f"the exchange's {', '.join(foreign)} in the configuration are not those of an "
                f"account in the venue's overlay: {_LAST}, and write it with the account "
                "(perpkit venue --account KEY:SECRET:WALLET --overlay FILE)"
            )
            return


def _overriding(environment: Mapping[str, str]) -> list[str]:
    """Returns the environment variables with which Freqtrade would override the overlay."""
    found = []
    for variable in sorted(environment):
        if variable.startswith(_PREFIX):
            path = tuple(variable.replace(_PREFIX, "").lower().split("__"))
            beside = any(part and _ELSEWHERE.search(part) for part in path[1:2])
            if (path[0] == "exchange" and beside) or any(_overlap(path, own) for own in _OWN):
                found.append(variable)
    return found


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


def _set(settings: Mapping[str, Any], pattern: re.Pattern[str]) -> list[str]:
    return [str(name) for name, value in settings.items() if value and pattern.search(str(name))]


def _clients(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the settings that Freqtrade passes to ccxt's sync and async clients."""
    exchange = _section(config, "exchange")
    common = _section(exchange, _BOTH)
    return [_merged(common, _section(exchange, name)) for name in _CLIENTS]


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[name] = _merged(under, value) if both else value  # type: ignore[arg-type]
    return merged


def _api(client: Mapping[str, Any]) -> Mapping[str, Any]:
    return _section(_section(client, "urls"), "api")


def _section(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns an object of the configuration, empty if it is not one, which Freqtrade refuses."""
    section = settings.get(name)
    return section if isinstance(section, Mapping) else {}

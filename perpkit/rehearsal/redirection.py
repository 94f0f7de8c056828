"""Where a Freqtrade configuration leads: to the exchange, or whole and only to a simulated venue.

ccxt takes its URLs from the configuration, name by name, and keeps the exchange's for those that
are not given. So nothing notices a configuration that leads to a venue only in part, or with keys
of the exchange, before the requests are on their way.
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
# The overlay's own object: {"accounts": {KEY: SECRET}}, the only ones that may be used there.
VENUE = "perpkit_venue"

# Freqtrade's sections for ccxt: for both of its clients, for the sync and for the async one.
_BOTH, _CLIENTS = "ccxt_config", ("ccxt_sync_config", "ccxt_async_config")
# ccxt's credentials, and the names that Freqtrade has for them in "exchange".
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
_ELSEWHERE = re.compile("sandbox|testnet|demo", re.IGNORECASE)  # ccxt then takes other URLs
_PROXY = re.compile("proxy|proxies|trust_env", re.IGNORECASE)
_PREFIX = "FREQTRADE__"
# What an overlay sets, as Freqtrade spells it in the environment.
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
    """Whether a URL leads to this machine, by its host; names are not resolved."""
    try:
        host = urlsplit(str(url)).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def venue_url(config: Mapping[str, Any]) -> str | None:
    """The venue that a configuration leads to, by the first URL on this machine; None without."""
    for client in _clients(config):
        for url in _api(client).values():
            if is_loopback(url):
                scheme, host, *_ = urlsplit(str(url))
                return f"{scheme}://{host}"
    return None


def leads_to_venue(config: Mapping[str, Any]) -> bool:
    """Whether it is meant to, be it in part."""
    return VENUE in config or venue_url(config) is not None


def problems(config: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Why a configuration that leads to a venue must not be started; none where it does not.

    :param config: Freqtrade's, its files and the environment merged
    :param environment: of the process. Its values appear in no message
    :return: sentences that name the setting or the variable, and say what to do
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
    """Ways by which requests would get past the venue."""
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
    """Keys that are none of the overlay's: the exchange's, as far as can be known."""
    accounts = _section(_section(config, VENUE), "accounts")
    for client in _clients(config):
        # Which of several names wins is up to the release of Freqtrade: all of them count.
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
    """Variables that Freqtrade would lay over what the overlay sets."""
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
    """What Freqtrade gives to ccxt's sync and async client."""
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
    """An object of the configuration; what is none counts as empty, and Freqtrade refuses it."""
    section = settings.get(name)
    return section if isinstance(section, Mapping) else {}

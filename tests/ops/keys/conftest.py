"""A venue in the present whose key can be given any rights, a bot that trades there, a keyring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from perpkit.ops.bot_config import BotConfig, read_config
from perpkit.venue.engine import Account
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.bench.planted import KEY, NEXT_KEY, NEXT_SECRET, SECRET
from tests.conftest import REPOSITORY

DAY_MS = 86_400_000
ACCOUNTS = {KEY: SECRET, NEXT_KEY: NEXT_SECRET}
PAIR = "BTC/USDT:USDT"


class MemoryKeyring(KeyringBackend):
    """The operating system's, for as long as a test takes."""

    priority = 1  # type: ignore[assignment]
    name = "memory"

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture(autouse=True)
def memory_keyring() -> Iterator[MemoryKeyring]:
    """No test here ever asks for the user's."""
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture(scope="package")
def exchange() -> Exchange:
    clock = SystemClock()
    begin = clock.now() // DAY_MS * DAY_MS - 2 * DAY_MS
    return Exchange(Market(generate(seed=3, start=begin, days=4, pairs=(PAIR,), base="5m"), clock))


@pytest.fixture(scope="package")
def url(exchange: Exchange) -> Iterator[str]:
    app = create_app(exchange.market, exchange=exchange)
    with running_venue(exchange.market, app=app) as url:
        yield url


@dataclass
class Bot:
    """A configuration in a folder of its own, of an account at the venue with two keys.

    :param account: of the key in use; `coming` of the next one
    """

    folder: Path
    venue: Exchange
    account: Account
    coming: Account

    @property
    def userdir(self) -> Path:
        return self.folder / "user_data"

    @property
    def files(self) -> list[Path]:
        names = ("own.json", "venue.json")
        return [REPOSITORY / "config.json.example", *(self.folder / name for name in names)]

    @property
    def arguments(self) -> list[str]:
        return [*(f"-c{path}" for path in self.files), f"--userdir={self.userdir}"]

    def configure(self, exchange: dict[str, Any] | None = None, **settings: Any) -> BotConfig:
        """:param exchange: on top of the overlay's
        :param settings: on top of the example's
        """
        _, own, redirect = self.files
        own.write_text(json.dumps({"exchange": {"pair_whitelist": [PAIR]}, **settings}))
        content = json.loads(redirect.read_text())
        content["exchange"] |= exchange or {}
        own_account = {content["exchange"]["key"]: content["exchange"]["secret"]}
        content["perpkit_venue"] = {"accounts": ACCOUNTS | own_account}
        redirect.write_text(json.dumps(content))
        return read_config(self.files, self.userdir)

    def allow(self, **rights: Any) -> None:
        """Change what the key may do, or may be used from."""
        self.account.restrictions = replace(self.account.restrictions, **rights)


@pytest.fixture
def bot(exchange: Exchange, url: str, tmp_path: Path) -> Bot:
    """Its key is as it should be; its account has 1,000 USDT."""
    now = exchange.market.now()
    opened = []
    for key, secret in ((KEY, SECRET), (NEXT_KEY, NEXT_SECRET)):
        exchange.engine._state.accounts.pop(key, None)
        account = exchange.engine.add_account(key, secret, Decimal(1000), now)
        addresses = frozenset({"127.0.0.1"})
        account.restrictions = replace(account.restrictions, addresses=addresses)
        opened.append(account)
    (tmp_path / "user_data").mkdir()
    content = overlay(url, tmp_path / "rehearsal", accounts=ACCOUNTS, live=True)
    (tmp_path / "venue.json").write_text(json.dumps(content))
    bot = Bot(tmp_path, exchange, *opened)
    bot.configure()
    return bot

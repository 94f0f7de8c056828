"""Secrets of this test run: other ones in each, so that wherever one turns up, it has leaked.

All begin with a mark of the run, by which `tests.bench.leaks` finds them, cut short ones too. A
subprocess, and a worker of xdist, has its parent's.
"""

from __future__ import annotations

import os
from hashlib import sha256
from secrets import token_hex

MARK = "plant" + os.environ.setdefault("PERPKIT_TEST_RUN", token_hex(6))
_LENGTH = 64  # of the exchange's keys and secrets


def _planted(name: str) -> str:
    return (MARK + sha256(f"{MARK} {name}".encode()).hexdigest())[:_LENGTH]


# Of the account that every bot of the tests has at its venue, and of the next key in a rotation.
KEY = _planted("key")
SECRET = _planted("secret")
NEXT_KEY = _planted("next key")
NEXT_SECRET = _planted("next secret")
TELEGRAM_TOKEN = f"1:{_planted('Telegram token')}"
API_PASSWORD = _planted("password of the REST API")
JWT_SECRET = _planted("key of the REST API's tokens")
PASSWORD = _planted("password of perpkit resume")
PASSPHRASE = _planted("passphrase of stored keys")
DB_PASSWORD = _planted("password of a database")
WEBHOOK_SECRET = _planted("secret of alerts")

NAMES = {
    KEY: "KEY",
    SECRET: "SECRET",
    NEXT_KEY: "NEXT_KEY",
    NEXT_SECRET: "NEXT_SECRET",
    TELEGRAM_TOKEN: "TELEGRAM_TOKEN",
    API_PASSWORD: "API_PASSWORD",
    JWT_SECRET: "JWT_SECRET",
    PASSWORD: "PASSWORD",
    PASSPHRASE: "PASSPHRASE",
    DB_PASSWORD: "DB_PASSWORD",
    WEBHOOK_SECRET: "WEBHOOK_SECRET",
}
ACCOUNTS = {KEY: SECRET}
# In the configuration of every bot of the integration tests; some switch a part of it on.
SWITCHED_OFF = {
    "telegram": {"enabled": False, "token": TELEGRAM_TOKEN, "chat_id": "7"},
    "api_server": {
        "enabled": False,
        "listen_ip_address": "127.0.0.1",
        "listen_port": 8080,
        "username": "operator",
        "password": API_PASSWORD,
        "jwt_secret_key": JWT_SECRET,
    },
}

"""The checks that ask the exchange, Telegram or the bot, in their order."""

from __future__ import annotations

from perpkit.ops.doctor import (
    account,
    capital,
    clock,
    key,
    money,
    other_instance,
    positions,
    rest_api,
    telegram,
)
from perpkit.ops.doctor.asking import Find

ONLINE: tuple[tuple[str, Find], ...] = (
    ("exchange", clock.find),
    ("telegram", telegram.find),
    ("rest api", rest_api.find),
    ("key", key.find),
    ("other instance", other_instance.find),
    ("trading status", account.trading_status),
    ("adl rank", account.adl_rank),
    ("commission", account.commission),
    ("positions", positions.find),
    ("incomes", money.find),
    ("capital", capital.find),
)

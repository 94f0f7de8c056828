"""The checks that query the exchange, Telegram or the bot, in their order."""

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
    ("exchange", clock.check),
    ("telegram", telegram.check),
    ("rest api", rest_api.check),
    ("key", key.check),
    ("other instance", other_instance.check),
    ("trading status", account.check_lock),
    ("adl rank", account.check_rank),
    ("commission", account.check_commission),
    ("positions", positions.check),
    ("incomes", money.check),
    ("capital", capital.check),
)

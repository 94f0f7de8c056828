"""Checks that Telegram can be reached, accepts the token, and lets the bot write to its chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from perpkit.ops.doctor.answers import get
from perpkit.ops.doctor.finding import Finding, fail, ok, skipped, warn

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

API = "https://api.telegram.org"


def check(context: Context) -> Iterator[Finding]:
    """Sends no message."""
    own = context.config.get("telegram") or {}
    if not own.get("enabled"):
        yield skipped("telegram.enabled is not set")
        return
    token, chat = str(own.get("token") or ""), str(own.get("chat_id") or "")
    if not token or not chat:
        yield fail(
            "telegram.token and telegram.chat_id must be given for Telegram",
            "set FREQTRADE__TELEGRAM__TOKEN and FREQTRADE__TELEGRAM__CHAT_ID in the environment",
        )
        return
    bot = f"{API}/bot{quote(token, safe=':')}"
    me = get(f"{bot}/getMe")
    if me.status is None or me.status >= 500:
        yield fail(
            f"Telegram cannot be reached: {me.error or me.status}",
            "check network and proxy; without Telegram the bot trades on, and tells nobody",
        )
    elif not me.content.get("ok"):
        yield fail(
            f"Telegram refuses the token ({me.status})",
            "ask @BotFather for the token, or for another one",
        )
    else:
        name = me.content["result"].get("username") or me.content["result"].get("first_name")
        yield ok(f"The token is that of {name}")
        yield _chat(bot, chat)


def _chat(bot: str, chat: str) -> Finding:
    found = get(f"{bot}/getChat?chat_id={quote(chat)}")
    if found.content.get("ok"):
        return ok(f"It may write to its chat, a {found.content['result'].get('type', 'chat')} one")
    if found.status is None or found.status >= 500:
        return warn("Telegram does not say whether the chat is there", "try again")
    return fail(
        f"The bot may not write to telegram.chat_id: {found.content.get('description', '')}",
        "send /start to the bot from that chat, or ask @userinfobot for the right number",
    )

"""Sends a message about a stop through apprise, if the bot's own Telegram does not send it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

URLS = "PERPKIT_ALERTS"


def alert_urls(config: Mapping[str, Any]) -> list[str]:
    """Returns apprise URLs: those of the environment, or else the bot's own Telegram chat.

    :param config: Freqtrade's
    """
    if given := os.environ.get(URLS, "").split():
        return given
    telegram = config.get("telegram")
    if not isinstance(telegram, dict):
        return []
    token, chat, topic = (telegram.get(name) for name in ("token", "chat_id", "topic_id"))
    if not telegram.get("enabled") or not token or not chat:
        return []
    return [f"tgram://{token}/{chat}{f':{topic}' if topic else ''}/"]


def alert(urls: list[str], title: str, text: str) -> str:
    """Sends a message, within seconds.

    :param urls: contain secrets, and none of them is logged
    :return: the outcome, for the operator
    """
    if not urls:
        return f"nothing to send it by: {URLS} is not set, and the bot has no Telegram"
    try:
        from apprise import Apprise, NotifyFormat
    except ImportError:
        return "apprise is missing: pip install 'perpkit[alerts]'"
    # It logs the address of a failure, which contains secrets.
    logging.getLogger("apprise").disabled = True
    services = Apprise()
    unknown = sum(not services.add(url) for url in urls)
    try:
        sent = bool(len(services)) and services.notify(
            body=text, title=title, body_format=NotifyFormat.TEXT
        )
    except Exception as error:  # a failed alert must not end the stop
        return f"not sent: {type(error).__name__}"
    if unknown:
        refused = f"{unknown} of {len(urls)} addresses of {URLS} not understood by apprise"
        return f"sent, but {refused}" if sent else f"not sent: {refused}"
    return "sent" if sent else "not sent: the service did not take it, or cannot be reached"

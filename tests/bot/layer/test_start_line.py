"""What the start says: what acts, what does not and why, and what was not asked for."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode

from perpkit.bot.layer.parts import BREAKERS_AND_GUARD, Part
from perpkit.bot.layer.start_line import parts_off, start_line
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.limits import PositionLimits

FLASH, COOLDOWN = {"method": "FlashCrashBreaker"}, {"method": "CooldownPeriod"}
NONE: dict[str, bool] = {}
REST = ["limits", "order book", "leverage", "sizing"]
LIVE_ONLY = "Off: stop guard, which is for live only"
BREAKERS = "breakers (FlashCrashBreaker)"
IDLE = f"{BREAKERS}, as --enable-protections is missing"


class PlainTrend(SimpleNamespace):
    """What of a strategy the line reads."""


def subject(
    runmode, parts, protections=(FLASH,), *, on_exchange=True, wrong="", use=NONE, **changed
):
    config = {"runmode": runmode, "dry_run": runmode is not RunMode.LIVE, **changed}
    strategy = PlainTrend(
        config=config,
        protections=list(protections),
        order_types={"stoploss_on_exchange": on_exchange},
    )
    guards = runmode is RunMode.LIVE and on_exchange and Part.GUARD in parts
    exchange = changed.get("exchange")
    running = SimpleNamespace(
        guarded=guards and not exchange and not changed.get("guard_off"), unknown_exchange=exchange
    )
    reason = f"{wrong} cannot be made: its window is -1"
    blocked = Decision(Trading.REDUCING, 0.0, reason=reason)
    restrictions = {("Protections", "*", "*"): blocked} if wrong else {}
    layer = SimpleNamespace(
        parts=frozenset(parts),
        running=running,
        breaker_names=frozenset({"FlashCrashBreaker", "DrawdownBreaker"}),
        limited_by=PositionLimits(),
        hooks=SimpleNamespace(settings=lambda: Settings(use=Switches(**use))),
        watch=SimpleNamespace(restrictions=restrictions),
    )
    return strategy, layer


@pytest.mark.parametrize(
    ("given", "sentences", "level"),
    [
        # runs that simulate
        (subject(RunMode.BACKTEST, BREAKERS_AND_GUARD, enable_protections=True),
         [BREAKERS, LIVE_ONLY, REST], logging.INFO),
        (subject(RunMode.BACKTEST, BREAKERS_AND_GUARD),
         ["nothing acts in this run", f"Off: {IDLE}; stop guard, which is for live only", REST],
         logging.WARNING),
        (subject(RunMode.HYPEROPT, {Part.BREAKERS}, spaces=["buy"]),
         ["nothing acts in this run", f"Off: {IDLE}", ["stop guard", *REST]], logging.WARNING),
        (subject(RunMode.HYPEROPT, {Part.BREAKERS}, spaces=["protection"]),
         [BREAKERS, ["stop guard", *REST]], logging.INFO),
        (subject(RunMode.BACKTEST, {Part.BOOK}, ()),
         ["nothing acts in this run", "Off: order book, which is for dry-run and live only",
          ["breakers", "stop guard", "limits", "leverage", "sizing"]], logging.INFO),
        # a bot
        (subject(RunMode.DRY_RUN, BREAKERS_AND_GUARD), [BREAKERS, LIVE_ONLY, REST], logging.INFO),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD), [f"{BREAKERS}, stop guard", REST],
         logging.INFO),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, on_exchange=False),
         [BREAKERS, 'Off: stop guard, as stops are in the bot only and it would place others '
          '("order_types.stoploss_on_exchange": true puts them at the exchange)', REST],
         logging.WARNING),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, guard_off=True),
         [BREAKERS, 'Off: stop guard, as "perpkit.use.guard" is false', REST], logging.WARNING),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, exchange="bybit"),
         [BREAKERS, "Off: stop guard, and with it journal of orders, reconciliation, booking of "
          "funding and commissions, check of the account's settings and count of requests, as "
          "they are for Binance only and the exchange is bybit; Freqtrade sends and tracks orders "
          "without them", REST], logging.WARNING),
        # no breaker, or those of the strategy with another part
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, (COOLDOWN,)),
         ["stop guard", 'Off: breakers, as none is listed in "perpkit.protections" or by the '
          "strategy", REST], logging.WARNING),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, (COOLDOWN,), wrong="FlashCrashBreaker"),
         ["stop guard", 'Off: breakers, as those listed in "perpkit.protections" or by the '
          "strategy cannot be made", REST], logging.WARNING),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, (), wrong="CooldownPeriod"),
         ["stop guard", 'Off: breakers, as none is listed in "perpkit.protections" or by the '
          "strategy", REST], logging.WARNING),
        # parts that "use" switches off
        (subject(RunMode.LIVE, {Part.BOOK, Part.SIZING}, (), use={"book": False, "sizing": False}),
         ["nothing acts in this run", 'Off: order book, as "perpkit.use.book" is false; sizing, '
          'as "perpkit.use.sizing" is false', ["breakers", "stop guard", "limits", "leverage"]],
         logging.WARNING),
        (subject(RunMode.LIVE, {Part.GUARD}, (COOLDOWN,)), ["stop guard", ["breakers", *REST]],
         logging.INFO),
        (subject(RunMode.LIVE, {Part.GUARD}), [f"{BREAKERS}, stop guard", REST], logging.INFO),
        (subject(RunMode.DRY_RUN, set(Part)),
         [f"{BREAKERS}, limits, order book, leverage, sizing", LIVE_ONLY], logging.INFO),
    ],
)  # fmt: skip
def test_each_case(given, sentences, level):
    words = [s if isinstance(s, str) else f"Not asked for: {', '.join(s)}" for s in sentences]
    expected = f"Perpkit is attached to PlainTrend: {'. '.join(words)}."
    assert start_line(*given) == (expected, level)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD), []),
        (subject(RunMode.DRY_RUN, BREAKERS_AND_GUARD), []),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, on_exchange=False), ["stop guard off, as"]),
        (subject(RunMode.LIVE, BREAKERS_AND_GUARD, (), exchange="okx"),
         ["breakers off, as none", "stop guard off, and with it"]),
    ],
)  # fmt: skip
def test_the_state_file_names_what_should_act_and_does_not(given, words):
    off = parts_off(*given)
    assert len(off) == len(words)
    assert all(text.startswith(start) for text, start in zip(off, words, strict=True))

"""What becomes of each option that can override a strategy: honoured, honoured with a note, or
refused.

`judged` is the one function that decides it, for runs and for `perpkit doctor`, and `TABLE` is what
docs/risk.md shows. A strategy of the package needs certain values, because its sizes assume its
stops. Of any other strategy only what the attached parts need is judged; the rest is the trader's
own business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from perpkit.bot.layer import override_rules as rules
from perpkit.bot.layer.overridden import NOT_READ, Override
from perpkit.bot.layer.verdicts import OfPackage, Outcome, Run, Verdict

Rule = Callable[[Run], Iterator[Verdict]]


@dataclass(frozen=True)
class Row:
    """Options that are judged together, and what the documentation says of them.

    :param package: on a strategy of the package
    :param attached: on any other that has the layer
    """

    names: tuple[str, ...]
    package: str
    rule: Rule | None = None
    attached: str = "honoured"
    attached_rule: Rule | None = None


TABLE = (
    Row(
        ("use_custom_stoploss",),
        "`false` is refused in every mode: stops would stay at the floor, and sizes assume the "
        "nearer one",
        rules.use_custom_stoploss,
        "`false` is refused where `perpkit.stop` states the strategy's stop for `leverage` or "
        "`sizing`",
        rules.attached_custom_stoploss,
    ),
    Row(
        ("order_types",),
        '`stoploss_on_exchange: false` and `stoploss: "limit"` are refused in live while the guard '
        'is on, `emergency_exit: "limit"` in dry-run and live, and noted elsewhere; '
        '`entry: "market"` is noted: entries pay the spread',
        rules.order_types,
        '`stoploss_on_exchange: false` switches the part `guard` off, noted; `stoploss: "limit"` '
        'and `emergency_exit: "limit"` are refused in live with that part',
        rules.attached_order_types,
    ),
    Row(
        ("stoploss",),
        "noted: only a floor under the stop, which is set at the fill; one that is nearer than the "
        "stop at the highest leverage can close a trade early",
        rules.stoploss,
        "refused with `leverage` beyond -0.5 and with `sizing` beyond -0.95, as no stop to go by",
        rules.attached_stoploss,
    ),
    Row(
        (
            "trailing_stop",
            "trailing_stop_positive",
            "trailing_stop_positive_offset",
            "trailing_only_offset_is_reached",
        ),
        "noted: Freqtrade trails beside the strategy's own trail, and the nearer stop counts; "
        "without `trailing_stop` the others have no effect",
        rules.trailing,
    ),
    Row(
        ("minimal_roi",),
        "noted where it is below the strategy's target at the highest leverage: it is a share of "
        "the margin, and the lower of the two counts",
        rules.minimal_roi,
    ),
    Row(
        ("ignore_roi_if_entry_signal",),
        "`true` is noted: no profit is taken while an entry signal stands",
        rules.ignore_roi_if_entry_signal,
    ),
    Row(
        ("use_exit_signal",),
        "`false` is noted: exit signals, time stop and carry exits are off; halts and stops still "
        "work",
        rules.use_exit_signal,
    ),
    Row(
        ("exit_profit_only", "exit_profit_offset"),
        "`true` is noted: the same for losing trades with an exit signal, or for those that earn "
        "less than the offset",
        rules.exit_profit,
    ),
    Row(
        ("position_adjustment_enable",),
        "`false` is noted: positions are neither reduced nor added to, so `TargetBasket` never "
        "rebalances",
        rules.position_adjustment_enable,
    ),
    Row(
        ("max_entry_position_adjustment",),
        "0 or more is noted: at most that many additions",
        rules.max_entry_position_adjustment,
    ),
    Row(
        ("timeframe",),
        "noted: parameters and results are of the strategy's own; refused in every mode where the "
        "timeframe of its larger trend is no multiple of it",
        rules.timeframe,
    ),
    Row(
        ("startup_candle_count",),
        "refused in dry-run and live where no running bot gets the candles without which nothing "
        "is entered, noted in backtests: [candles](#candles-that-a-running-bot-never-gets)",
        rules.startup_candle_count,
    ),
    Row(
        ("process_only_new_candles",),
        "`false` is noted: every cycle computes the signals of all pairs",
        rules.process_only_new_candles,
    ),
    Row(
        ("disable_dataframe_checks",),
        "`true` is noted: Freqtrade no longer refuses signals of candles that were changed",
        rules.disable_dataframe_checks,
    ),
    Row(
        ("ignore_buying_expired_candle_after",),
        "above 0 is noted: no entry is made later after the close of its candle",
        rules.ignore_buying_expired_candle_after,
    ),
    Row(
        ("order_time_in_force",),
        "other than GTC is noted: the exchange ends what cannot be filled as demanded; stops and "
        "urgent exits do not depend on it",
        rules.order_time_in_force,
    ),
    Row(
        ("stake_amount",),
        "a number is the most that an entry gets as margin; below it stakes follow the risk. The "
        "weights of `TargetBasket` are not limited by it. A line about stakes says which it is",
    ),
    Row(("max_open_trades",), "honoured; `TargetBasket` refuses fewer than its weights"),
    Row(("stake_currency", "unfilledtimeout"), "honoured"),
    Row(
        NOT_READ,
        "noted: Freqtrade does not read them in the configuration",
        attached="noted: the same",
    ),
    Row(
        (rules.GUARD,),
        "`false` is noted in live",
        rules.guard,
        "`false` is noted in live, by the line at the start",
    ),
)


def judged(overrides: Sequence[Override], run: Run) -> list[Verdict]:
    """Returns one verdict or more for each override, and for each value that is refused or switches
    a part off, no matter who has set it."""
    by_name = {override.name: override for override in overrides}
    found = []
    for row in TABLE:
        rule = row.rule if isinstance(run.asks, OfPackage) else row.attached_rule
        for verdict in rule(run) if rule is not None else ():
            override = by_name.get(verdict.name)
            if verdict.stands:
                found.append(verdict)
            elif override is not None:
                found.append(replace(verdict, line=f"{override.words}: {verdict.line}"))
    named = {verdict.name for verdict in found}
    return found + [_plain(override) for override in overrides if override.name not in named]


def _plain(override: Override) -> Verdict:
    if override.applied:
        return Verdict(override.name, Outcome.HONOURED, f"{override.words}: honoured")
    why = "Freqtrade does not use it, and the strategy's own value counts"
    return Verdict(override.name, Outcome.NOTED, f"{override.words}: {why}")


def documented() -> list[tuple[str, str, str]]:
    """Returns the rows of the table in docs/risk.md."""
    return [
        (", ".join(f"`{name}`" for name in row.names), row.package, row.attached) for row in TABLE
    ]

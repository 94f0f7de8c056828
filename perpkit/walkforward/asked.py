"""What is asked of a walk-forward, from Freqtrade's configuration and the files that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from freqtrade.configuration import validate_config_consistency
from freqtrade.configuration.config_secrets import remove_exchange_credentials
from freqtrade.configuration.configuration import Configuration
from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.enums import RunMode
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.resolvers import StrategyResolver

from perpkit.walkforward.deciding import (
    deciding_files,
    files_read,
    made_with,
    not_copied,
    sources,
)
from perpkit.walkforward.pairs import pairs_of
from perpkit.walkforward.record import Request, Window
from perpkit.walkforward.run_directory import plain
from perpkit.walkforward.shipping import PLUGINS, digest, digest_of_file, files_below
from perpkit.walkforward.spaces import check_spaces, searched_only
from perpkit.walkforward.windows import Calendar, days_tested, timerange_of
from perpkit.walkforward.worker import Setup

# What decides nothing about a trade.
_NOT_OF_THE_RESULT = frozenset({
    "$schema", "add_config_files", "api_server", "bot_name", "command", "config_files", "datadir",
    "db_url", "discord", "experimental", "export", "exportdirectory", "exportfilename",
    "external_message_consumer", "hyperopt_path", "initial_state", "internals", "logfile",
    "log_config", "original_config", "perpkit_venue", "print_colorized", "runmode",
    "strategy_path", "telegram", "timerange", "user_data_dir", "verbosity", "webhook",
})  # fmt: skip
# What no backtest needs, and no worker is given.
_SECRET = (
    "api_server", "discord", "external_message_consumer", "original_config", "perpkit_venue",
    "telegram", "webhook",
)  # fmt: skip
# What is kept as it is: anything else may be secret, and its digest is kept.
_SHOWN = frozenset({
    "candle_type_def", "dataformat_ohlcv", "dry_run", "dry_run_wallet", "enable_dynamic_pairlist",
    "entry_pricing", "exit_pricing", "exit_profit_offset", "exit_profit_only", "fee",
    "futures_funding_rate", "liquidation_buffer", "margin_mode",
    "max_entry_position_adjustment", "max_open_trades", "minimal_roi", "order_time_in_force",
    "order_types", "pairlists", "pairs",
    "position_adjustment_enable", "position_stacking", "stake_amount", "stake_currency",
    "startup_candle_count", "stoploss", "strategy", "timeframe", "timeframe_detail",
    "tradable_balance_ratio", "trading_mode", "trailing_only_offset_is_reached", "trailing_stop",
    "trailing_stop_positive", "trailing_stop_positive_offset", "unfilledtimeout",
    "use_exit_signal",
})  # fmt: skip
_OF_THE_EXCHANGE = ("name", "pair_whitelist", "pair_blacklist")


@dataclass(frozen=True)
class Asked:
    """
    :param files: configuration files, as Freqtrade reads them; see its options of the same names
        for the rest
    :param start, end: of the tests
    :param budget: the source of Confluence whose budget is measured
    """

    files: tuple[Path, ...]
    calendar: Calendar
    start: datetime
    end: datetime
    strategy: str | None = None
    strategy_path: Path | None = None
    userdir: Path | None = None
    datadir: Path | None = None
    protections: bool = True
    dynamic_pairlist: bool = False
    epochs: int = 0
    spaces: tuple[str, ...] = ("default",)
    loss: str = "SharpeHyperOptLossDaily"
    min_trades: int = 10
    seed: int = 1
    budget: str | None = None

    def setup(self, say: Callable[[str], None] = lambda _: None) -> Setup:
        """Returns what a worker needs.

        :param say: called with a line before all stored data is read, which can take minutes
        :raises FreqtradeException: where Freqtrade refuses the configuration or the strategy
        :raises ValueError: naming what is missing
        """
        config = self._config()
        # Freqtrade writes the strategy's own values into the configuration that it loads it with.
        # There, they would stand above the parameters of each window.
        strategy = StrategyResolver.load_strategy(deepcopy(config))
        if strategy.timeframe is None:
            raise ValueError("timeframe must be in the configuration or the strategy, got none")
        config["timeframe"] = strategy.timeframe
        pairs = pairs_of(config)
        windows = self.calendar.windows(self.start, self.end)
        self._check_budgets(strategy, days_tested(windows)[0])
        datadir, userdir = Path(config["datadir"]), Path(config["user_data_dir"])
        path = config.get("strategy_path")  # of the option, or of a configuration file
        strategy_path = Path(path).resolve() if path else None
        before = strategy.startup_candle_count * timeframe_to_seconds(config["timeframe"])
        first = self._first_candle(config, pairs, windows)
        freqai = config.get("freqai", {})
        learned = timedelta(days=freqai["train_period_days"] if freqai.get("enabled") else 0)
        self._say_if_shorter(windows[0], first + timedelta(seconds=before), learned, say)
        if self.epochs:
            check_spaces(strategy, self.spaces)
            for line in searched_only(strategy, self.spaces, protections=self.protections):
                say(line)
        loss = self._loss_source(config) if self.epochs else {}
        say(f"Reading all files in {datadir}, to which the run is bound ...")
        read = dict(sources(strategy, userdir, strategy_path))
        files = deciding_files(read, userdir, datadir, windows[-1].test_end)
        files |= {name: digest_of_file(path) for name, path in loss.items()}
        read |= {name: (path,) for name, path in loss.items()}
        request = Request(
            strategy=strategy.get_strategy_name(),
            timeframe=config["timeframe"],
            stake_currency=config["stake_currency"],
            pairs=pairs,
            windows=windows,
            files=files,
            settings=settings_of(config),
            parameters=plain(strategy._ft_params_from_file),
            protections=self.protections,
            epochs=self.epochs,
            spaces=self.spaces if self.epochs else (),
            loss=self.loss if self.epochs else "",
            min_trades=self.min_trades if self.epochs else 0,
            seed=self.seed if self.epochs else 0,
            made_with=made_with(
                learning=bool(freqai.get("enabled")),
                searching=self.epochs > 0,
            ),
        )
        for name in _SECRET:
            config.pop(name, None)
        return Setup(
            request=request,
            config=config,
            user_files=files_below(userdir, PLUGINS) | _read_below(userdir, strategy),
            datadir=datadir.resolve(),
            strategy_path=strategy_path,
            live=not_copied(read, userdir, strategy_path),
        )

    def _config(self) -> dict[str, Any]:
        args: dict[str, Any] = {
            "config": [str(path) for path in self.files],
            "command": "backtesting",
            "strategy": self.strategy,
            "strategy_path": self.strategy_path and str(self.strategy_path),
            "user_data_dir": self.userdir and str(self.userdir),
            "datadir": self.datadir and str(self.datadir),
            "enable_dynamic_pairlist": self.dynamic_pairlist or None,
            # Without one Freqtrade refuses FreqAI; each window has its own.
            "timerange": timerange_of(self.start, self.end),
        }
        given = {name: value for name, value in args.items() if value is not None}
        config = _Reading(given, RunMode.BACKTEST).get_config()
        config["dry_run"] = True
        remove_exchange_credentials(config["exchange"], True)
        validate_config_consistency(config, preliminary=True)
        return config

    def _first_candle(
        self, config: Mapping[str, Any], pairs: tuple[str, ...], windows: tuple[Window, ...]
    ) -> datetime:
        """Returns when the first candle of the pairs opens.

        :raises ValueError: if the pairs together have no candles of the whole period
        """
        timeframe = config["timeframe"]
        handler = get_datahandler(config["datadir"], config["dataformat_ohlcv"])
        ends = [
            handler.ohlcv_data_min_max(pair, timeframe, config["candle_type_def"]) for pair in pairs
        ]
        stored = [(first, last) for first, last, count in ends if count]
        if not stored:
            raise ValueError(
                f"datadir must have {timeframe} candles of {', '.join(pairs)}, got "
                f"{config['datadir']}"
            )
        first, last = min(one for one, _ in stored), max(one for _, one in stored)
        closed = last.timestamp() + timeframe_to_seconds(timeframe)
        begin = windows[0].train_start if self.epochs else self.start
        if first > begin:
            why = f", with training from {begin:%Y-%m-%d} on" if self.epochs else ""
            raise ValueError(
                f"timerange must begin where there are candles: they begin {first:%Y-%m-%d %H:%M}, "
                f"got {self.start:%Y-%m-%d}{why}"
            )
        if closed < self.end.timestamp():
            raise ValueError(
                f"timerange must end where there are candles: the last one opens "
                f"{last:%Y-%m-%d %H:%M}, got {self.end:%Y-%m-%d}"
            )
        return first

    def _check_budgets(self, strategy: Any, first: date) -> None:
        """
        :param first: day of the tests
        :raises ValueError: if the strategy does not trade the source whose budget is measured as
            Confluence does, or if its own budgets know the days of the tests
        """
        if self.budget is not None and getattr(strategy, "budgets", None) != {self.budget: 1.0}:
            raise ValueError(
                f"budget must be measured with Confluence, and {self.budget} as its only source "
                f"that is enabled, with a budget of 1: its risk is not that of others, got "
                f"{strategy.get_strategy_name()}"
            )
        for source, until in getattr(strategy, "perpkit_seen_until", {}).items():
            if until is None:
                raise ValueError(
                    f'the file of budgets must have "until" of {source}: the day after those by '
                    "which its budget was measured; --budget writes it"
                )
            if first < until:
                raise ValueError(
                    f"timerange must begin on {until} or later, since the budget of {source} was "
                    f"measured by the days before, got {first}"
                )

    def _say_if_shorter(
        self, window: Window, possible: datetime, learned: timedelta, say: Callable[[str], None]
    ) -> None:
        """
        :param possible: after the start-up candles of the strategy
        :param learned: how long the first model of FreqAI learns after them
        """
        possible += learned
        name, begin = ("training", window.train_start) if self.epochs else ("test", self.start)
        if possible > begin:
            say(
                f"timerange: the {name} of window 1 begins at {possible:%Y-%m-%d %H:%M}, not at "
                f"{begin:%Y-%m-%d %H:%M}: the first candles are the strategy's start-up candles"
                + (", and those that FreqAI first learns from." if learned else ".")
            )

    def _loss_source(self, config: Mapping[str, Any]) -> dict[str, Path]:
        # It brings Optuna along, which fixed parameters do not need.
        from freqtrade.resolvers.hyperopt_resolver import HyperOptLossResolver

        found = HyperOptLossResolver.load_hyperoptloss({**config, "hyperopt_loss": self.loss})
        return {f"loss {self.loss}": Path(found.__file__)}


class _Reading(Configuration):
    """Reads a configuration, and leaves the logging of this process alone."""

    def _process_logging_options(self, config: Any) -> None:
        config |= {"verbosity": 0, "print_colorized": False}


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what of a configuration can decide the result, as it is read back from a file."""
    kept = {
        name: plain(value) if name in _SHOWN else digest(repr(plain(value)).encode())
        for name, value in config.items()
        if name not in _NOT_OF_THE_RESULT
    }
    kept["exchange"] = {name: plain(config["exchange"].get(name)) for name in _OF_THE_EXCHANGE}
    return kept


def _read_below(userdir: Path, strategy: Any) -> dict[str, bytes]:
    """Returns what a strategy reads of its user directory, for the directories of workers."""
    return {
        path.relative_to(userdir).as_posix(): path.read_bytes()
        for path in files_read(strategy)
        if path.is_relative_to(userdir)
    }

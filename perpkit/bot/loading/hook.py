"""Start-up hook: adjusts some Freqtrade modules at the moment they are first imported.

Stock Freqtrade loads custom strategies but looks for protections and pairlists only inside its own
package, and validates pairlist names before any user code is imported. It also distinguishes
neither a rehearsal from trading at the exchange, nor a user's strategy from one that a package
brought. So a hook must be in place when Python starts: `00_perpkit.pth` waits, without importing
anything, for the first import of `freqtrade`, and then imports this module. `PERPKIT_PLUGINS=0`
disables it.
"""

import sys
from importlib import import_module

from perpkit.bot.loading.garbage import imported, wait_for_imports

# Module imported by Freqtrade -> module and function of perpkit.bot.loading that adjust it.
ADJUSTED = {
    "freqtrade.resolvers.protection_resolver": ("plugins", "widen_protections"),
    "freqtrade.resolvers.pairlist_resolver": ("plugins", "widen_pairlists"),
    "freqtrade.resolvers.strategy_resolver": ("attaching", "attach_layer"),
    "freqtrade.resolvers.hyperopt_resolver": ("plugins", "widen_losses"),
    "freqtrade.resolvers.freqaimodel_resolver": ("plugins", "widen_models"),
    "freqtrade.strategy.interface": ("attaching", "report_at_start"),
    "freqtrade.configuration.config_validation": ("plugins", "announce_pairlists"),
    "freqtrade.configuration.configuration": ("rehearsal_guard", "separate"),
    "freqtrade.data.history.history_utils": ("rehearsal_guard", "separate_downloads"),
    "freqtrade.strategy.hyper": ("own_strategies", "read_from_the_user"),
    "freqtrade.optimize.backtest_caching": ("attaching", "identify_with_release"),
    "freqtrade.optimize.hyperopt_tools": ("own_strategies", "write_to_the_user"),
    "freqtrade.optimize.optimize_reports.bt_storage": ("own_strategies", "store_with_parameters"),
    "freqtrade.commands.strategy_utils_commands": ("own_strategies", "convert_none_of_ours"),
    "freqtrade.optimize.backtesting": ("accelerating", "accelerate"),
    "freqtrade.freqtradebot": ("accelerating", "never_while_trading"),
}


class PostImportFinder:
    """Lets the ordinary finders find a module, and adjusts the module after its execution."""

    def __init__(self) -> None:
        self._asking: set[str] = set()

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        # Finders of other plugins that work like this one ask it in turn.
        if name not in ADJUSTED or name in self._asking:
            return None
        self._asking.add(name)
        try:
            for finder in sys.meta_path:
                # Old finders have none, which Python's own import passes over, too. One of an older
                # release adjusts the same.
                own = type(finder).__module__.startswith("perpkit.")
                find = None if own else getattr(finder, "find_spec", None)
                spec = None if find is None else find(name, path, target)
                if spec:
                    _adjust_after_execution(spec.loader, name)
                    return spec
        finally:
            self._asking.discard(name)
        return None


def _adjust_after_execution(loader, name: str) -> None:  # type: ignore[no-untyped-def]
    execute, (ours, function) = loader.exec_module, ADJUSTED[name]

    def exec_module(module) -> None:  # type: ignore[no-untyped-def]
        execute(module)
        if module.__name__ != name:  # some loaders, such as pytest's, are one for all modules
            return
        try:
            getattr(import_module(f"perpkit.bot.loading.{ours}"), function)(module)
        except Exception as error:
            # Freqtrade must start even if this fails, but the missing plugins must be reported.
            # What has failed may be what ends the waiting of the collector.
            imported()
            sys.stderr.write(f"perpkit: {function} could not adjust {module.__name__}: {error!r}\n")

    loader.exec_module = exec_module


def _installed() -> bool:
    """Whether an earlier import of this module has done it: nothing is adjusted twice."""
    kinds = [type(finder) for finder in sys.meta_path]
    return any((k.__module__, k.__name__) == (__name__, "PostImportFinder") for k in kinds)


if not _installed():
    sys.meta_path.insert(0, PostImportFinder())
    wait_for_imports()

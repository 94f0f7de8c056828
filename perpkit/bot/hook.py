"""Start-up hook: adjusts three Freqtrade modules at the moment they are first imported.

Stock Freqtrade loads custom strategies but looks for protections and pairlists only inside its own
package, and validates pairlist names before any user code is imported. So something has to be in
place when Python starts. `perpkit.pth` waits, without importing anything, for the first import of
`freqtrade`, and then imports this module. `PERPKIT_PLUGINS=0` switches it off.
"""

import sys

# module imported by Freqtrade -> function of perpkit.bot.plugins that adjusts it
ADJUSTED = {
    "freqtrade.resolvers.protection_resolver": "widen_protections",
    "freqtrade.resolvers.pairlist_resolver": "widen_pairlists",
    "freqtrade.resolvers.strategy_resolver": "widen_strategies",
    "freqtrade.configuration.config_validation": "announce_pairlists",
}


class PostImportFinder:
    """Lets the ordinary finders find a module, and adjusts it once it has been executed."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name not in ADJUSTED:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec:
                _adjust_after_execution(spec.loader, ADJUSTED[name])
                return spec
        return None


def _adjust_after_execution(loader, function: str) -> None:  # type: ignore[no-untyped-def]
    execute = loader.exec_module

    def exec_module(module) -> None:  # type: ignore[no-untyped-def]
        execute(module)
        try:
            from perpkit.bot import plugins

            getattr(plugins, function)(module)
        except Exception as error:
            # Freqtrade must start whatever happens here, but not silently without its plugins.
            sys.stderr.write(
                f"perpkit: plugin discovery could not adjust {module.__name__}: {error!r}\n"
            )

    loader.exec_module = exec_module


sys.meta_path.insert(0, PostImportFinder())

from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import SupportsBacktesting

from perpkit.bot.loading.attaching import nothing_attached
from perpkit.bot.pairlists.base import FuturesPairList, NoRule


class PerpkitAttached(FuturesPairList):
    """Keeps every pair, and Freqtrade from starting without the risk layer.

    Where the start-up hook is off, or Perpkit is not installed, a configuration with `"attach"`
    would trade bare: Freqtrade then refuses the name of this pairlist. See docs/pairlists.md.
    """

    RULE = NoRule
    supports_backtesting = SupportsBacktesting.YES

    def short_desc(self) -> str:
        # Freqtrade sends it as a running bot starts, by Telegram, too.
        says = nothing_attached() or "keeps every pair. Freqtrade without Perpkit refuses its name."
        return f"{self.name} - {says}"

    @staticmethod
    def description() -> str:
        return "Keep Freqtrade from starting without Perpkit's risk layer; keeps every pair."

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        return pairlist

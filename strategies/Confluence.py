from perpkit.bot.confluence.strategy import ConfluenceStrategy


class Confluence(ConfluenceStrategy):
    """Trades several sources of signals in one bot, each within its budget of risk.

    Which, and how they are combined, is in the configuration: `"perpkit": {"confluence": {...}}`.
    """

    timeframe = "1h"

from tests.bench.strategies.Braked import Braked


class Vetoing(Braked):
    """What must never be: a breaker that has a say in exits."""

    def confirm_trade_exit(self, pair, *args, **kwargs):
        return not self.watch.decision(pair).entries_blocked

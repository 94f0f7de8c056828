from decimal import Decimal

from tests.bench.dead_bot import *


def test_smoke(tmp_path):
    with dead_bot(tmp_path / "bot") as bot:
        for n, (pair, amount) in enumerate(AMOUNTS.items()):
            bot.enter(pair, -amount if n % 2 else amount)
        bot.rest("BTC/USDT:USDT", Decimal("0.02")) if False else None
        print(bot.held(), bot.open_ids())
        t = bot.clock.seconds
        r = bot.stop()
        print(r, bot.clock.seconds - t)
        print("\n".join(bot.lines))
        print(bot.held(), bot.open_ids())
        assert r.flat and not bot.held()

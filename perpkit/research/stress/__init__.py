"""Cost stress: what a run would have made if trading had cost more than its backtest assumed."""

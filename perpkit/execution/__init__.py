"""How entries meet the book: checks, slippage, prices, partial fills. Nothing vetoes an exit."""

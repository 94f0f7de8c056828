"""The market that the venue shows: contracts, prices, candles, books. Knows no account."""

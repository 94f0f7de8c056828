"""The market that the venue shows: contracts, prices, candles, books. It knows no accounts."""

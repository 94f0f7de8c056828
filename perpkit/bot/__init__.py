"""The wing that speaks Freqtrade: plugin discovery, the base strategy, the watch."""

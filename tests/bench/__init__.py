"""The test bench: Freqtrade as a process and in-process, a venue, and a Telegram of its own."""

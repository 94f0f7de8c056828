"""`perpkit webhook`: alerts of other programs, such as TradingView, become entries and exits."""

"""Walk-forward of any strategy: windows, one result a window, and Freqtrade driven for each."""

"""The wing that speaks Freqtrade. Its floors: strategy > callbacks > live > positions, watching >
candles, positioning. Pairlists and the loading of plugins stand apart.
"""

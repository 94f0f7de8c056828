"""The start-up hook, which runs in every Freqtrade process. To change: which plugins are found and
what is checked at the start. Keep its imports light.
"""

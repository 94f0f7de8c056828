"""The start-up hook, which runs in every Freqtrade process. To change: what is found and guarded at
the start; imports stay light.
"""

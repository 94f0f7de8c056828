"""What a learned model is asked, what it sees, and how its answer is weighed with a rule's.

Pure functions of candles and arrays, without Freqtrade: `perpkit.bot.hybrid` connects them with
FreqAI. To change: the labels (`targets`), the features (`features`), how probabilities are made
honest (`calibration`, `classifier`), how rule and model vote (`vote`), the LSTM (`lstm`; it and
`agents` import PyTorch), the mean of several models (`ensemble`), the account on which agents
practise (`practice_account`), what the report reads of a backtest (`evidence`, which is on disk).

The columns that the strategy and every model of `user_data/freqaimodels/` agree on are in
`columns`: the targets that the strategy sets (FreqAI finds them by their `&`), the features (by
their `%`), and the columns that a model returns with its predictions.
"""

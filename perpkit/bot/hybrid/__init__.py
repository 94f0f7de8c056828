"""A rule and a model learned through FreqAI that vote. To change: the strategy's hooks
(`strategy.py`), what is made of predictions and of their absence (`opinions.py`), what all models
of the package have in common (`guarded_model.py`), how a running bot trains them
(`training_queue.py`), what becomes of models that were made otherwise (`freqai_settings.py`) or
cannot be read (`damaged_files.py`). What is learned is in `perpkit.learning`.
"""

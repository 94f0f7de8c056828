"""Whether a result is more than the luck of the best of many tries: Sharpe ratios in the light of
the number of trials, the probability of overfitting, the bootstrap. To change: what is proof.
"""

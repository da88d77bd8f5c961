"""Metrics: accuracies while training, error rates of what was generated."""

from keras_attention.metrics.token_accuracy import SequenceAccuracy, TokenAccuracy

__all__ = ["SequenceAccuracy", "TokenAccuracy"]

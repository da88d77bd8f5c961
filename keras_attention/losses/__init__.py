"""Losses on the logits, `MaskedCrossentropy`, and on the attention weights, the others.

Those are for the output `"weights"` of a model with `return_attention_scores=True`;
their labels say what is padding::

    model.compile("adam", {"logits": MaskedCrossentropy(), "weights": CoverageLoss()},
                  loss_weights={"logits": 1.0, "weights": 0.5})
    valid = valid_pairs(target_ids, inputs["source_ids"])
    model.fit(inputs, {"logits": target_ids, "weights": valid})
"""

from keras_attention.losses.alignment_labels import gold_alignment, valid_pairs
from keras_attention.losses.base import WeightsLoss
from keras_attention.losses.coverage import CoverageLoss
from keras_attention.losses.crossentropy import MaskedCrossentropy
from keras_attention.losses.doubly_stochastic import DoublyStochastic
from keras_attention.losses.entropy import EntropyLoss
from keras_attention.losses.guided_alignment import GuidedAlignment
from keras_attention.losses.guided_attention import GuidedAttention

__all__ = [
    "CoverageLoss",
    "DoublyStochastic",
    "EntropyLoss",
    "GuidedAlignment",
    "GuidedAttention",
    "MaskedCrossentropy",
    "WeightsLoss",
    "gold_alignment",
    "valid_pairs",
]

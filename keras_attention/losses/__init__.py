r"""Losses on the logits and on the attention weights.

| class | $L$ | labels | paper |
|---|---|---|---|
| `MaskedCrossentropy` | $-\log p(y_t)$, a mean over tokens | ids `[B, T]` | |
| `CoverageLoss` | $\sum_s \min(a_{ts}, \sum_{t' < t} a_{t's})$, over tokens | `valid_pairs` | See et al. 2017, eq. 12 |
| `GuidedAttention` | $a_{ts} (1 - \exp(-(s/S - t/T)^2 / 2 g^2))$, over pairs | `valid_pairs` | Tachibana et al. 2018, section 4 |
| `GuidedAlignment` | $-\sum_s A_{ts} \log a_{ts}$, over aligned tokens | `gold_alignment` | Chen et al. 2016, section 3 |
| `EntropyLoss` | $-\sum_s a_{ts} \log a_{ts}$, over tokens | `valid_pairs` | |
| `DoublyStochastic` | $\sum_s (1 - \sum_t a_{ts})^2$, over sequences | `valid_pairs` | Xu et al. 2015, eq. 14 |

All but the first are for the output `"weights"` of a model with
`return_attention_scores=True`, whose labels say what is padding::

    model.compile("adam", {"logits": MaskedCrossentropy(), "weights": CoverageLoss()},
                  loss_weights={"logits": 1.0, "weights": 0.5})
    model.fit(inputs, {"logits": ids, "weights": valid_pairs(ids, inputs["source_ids"])})
"""  # noqa: E501

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

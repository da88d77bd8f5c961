"""Cross-entropy over padded target sequences."""

from typing import Any

import keras
from keras import ops

from keras_attention.backend.precision import at_least_float32


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedCrossentropy(keras.losses.Loss):
    r"""Cross-entropy of the valid target tokens, from logits.

    $$ L = -\frac{\sum_{b,t} m_{bt} \sum_y q_{bt}(y) \log p_{bt}(y)}
                 {\sum_{b,t} m_{bt}}, \qquad
       q(y) = (1 - \epsilon)\,[y = y^*] + \epsilon / V $$

    Args:
        pad_id: Label that is not counted.
        label_smoothing: $\epsilon$, spread over all V symbols as in
            `keras.losses.CategoricalCrossentropy` (OpenNMT-tf spreads it over
            the V - 1 wrong ones).
        name: Name of the loss.

    Call arguments:
        y_true: `[B, T]` integer labels.
        y_pred: `[B, T, V]` logits.
        sample_weight: `[B]` or `[B, T]`, multiplies tokens in the numerator and
            in the normaliser.

    Relative to Keras' masked `SparseCategoricalCrossentropy`: the mask comes from
    the labels, so nothing depends on a mask surviving the model, and the sum is
    divided by the number of valid tokens. A batch without any gives 0.

    Example:

    >>> import numpy as np
    >>> import keras_attention as ka
    >>> loss = ka.losses.MaskedCrossentropy()
    >>> float(loss(np.array([[3, 0]]), np.zeros((1, 2, 4), "float32")))
    1.3862943649291992
    """

    def __init__(
        self,
        pad_id: int = 0,
        label_smoothing: float = 0.0,
        name: str = "masked_crossentropy",
        **loss: Any,
    ) -> None:
        super().__init__(name=name, reduction="none", dtype=loss.pop("dtype", None))
        loss.pop("reduction", None)
        if loss:
            raise TypeError(
                "MaskedCrossentropy takes pad_id, label_smoothing, name and dtype. "
                f"Received: {sorted(loss)}"
            )
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                "`label_smoothing` must be in [0, 1). "
                f"Received: label_smoothing={label_smoothing!r}"
            )
        self.pad_id = pad_id
        self.label_smoothing = label_smoothing

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true = ops.convert_to_tensor(y_true)
        y_pred = ops.convert_to_tensor(y_pred)
        with keras.name_scope(self.name):
            losses = self.call(y_true, y_pred)  # [B, T]
            counts = ops.cast(ops.not_equal(y_true, self.pad_id), losses.dtype)
            if sample_weight is not None:
                sample_weight = ops.cast(sample_weight, losses.dtype)
                if len(sample_weight.shape) == 1:
                    sample_weight = ops.expand_dims(sample_weight, -1)  # [B, 1]
                counts = counts * sample_weight
            total = ops.sum(counts)
            some = total > 0
            # Selected, not multiplied: an infinite loss at padding is no loss.
            summed = ops.sum(ops.where(counts > 0, losses * counts, 0.0 * counts))
            return ops.where(some, summed, 0.0 * total) / ops.where(
                some, total, ops.ones_like(total)
            )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        labels = ops.cast(y_true, "int32")
        # The ignored label may be no class at all, -1 for example.
        labels = ops.where(ops.equal(labels, self.pad_id), 0, labels)
        logits = ops.cast(y_pred, at_least_float32(y_pred.dtype))
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )  # [B, T]
        if self.label_smoothing:
            # -sum_y log p(y) / V = logsumexp - mean logit
            uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
            losses = (1 - self.label_smoothing) * losses
            losses = losses + self.label_smoothing * uniform
        return losses

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "pad_id": self.pad_id,
            "label_smoothing": self.label_smoothing,
        }

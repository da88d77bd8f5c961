"""Cross-entropy over padded target sequences."""

import keras
from keras import ops

from keras_attention.layer_support.argument_checks import number
from keras_attention.layer_support.types import DType, Tensor
from keras_attention.losses.reduction import CountingLoss
from keras_attention.losses.shapes import token_labels


@keras.saving.register_keras_serializable(package="keras_attention")
class MaskedCrossentropy(CountingLoss):
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
        reduction: `"mean_with_sample_weight"`, the equation, with sample weights in the
            normaliser too; `"mean"` or `"sum_over_batch_size"`, without them there;
            `"sum"`, not divided; `"none"`, the weighted losses of tokens `[B, T]`.
        dtype: What to compute in; None is that of the logits, float32 at least.

    Call arguments:
        y_true: `[B, T]` or `[B, T, 1]` integer labels.
        y_pred: `[B, T, V]` logits.
        sample_weight: `[B]` or `[B, T]`, of sequences or tokens.

    Raises:
        ValueError: `label_smoothing` or `reduction` that do not exist, or labels and
            weights of other shapes.

    Relative to Keras' masked `SparseCategoricalCrossentropy`: the mask comes from
    the labels, so nothing depends on a mask surviving the model, and the sum is
    divided by the number of valid tokens. A batch without any gives 0. Under
    `tf.distribute` the tokens are those of all replicas, which may have different
    numbers of them.

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
        reduction: str | None = "mean_with_sample_weight",
        dtype: DType = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.pad_id = pad_id
        self.label_smoothing = number(
            "label_smoothing", label_smoothing, least=0, below=1
        )

    def count(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Losses `[B, T]`, zero at padding, and ones where there is none."""
        logits = self.precise(y_pred)
        labels = token_labels(y_true, logits)
        valid = ops.not_equal(labels, self.pad_id)
        losses = keras.losses.sparse_categorical_crossentropy(
            # The ignored label may be no class at all, -1 for example.
            ops.where(valid, labels, 0),
            logits,
            from_logits=True,
        )  # [B, T]
        if self.label_smoothing:
            # -sum_y log p(y) / V = logsumexp - mean logit
            uniform = ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)
            losses = (1 - self.label_smoothing) * losses
            losses = losses + self.label_smoothing * uniform
        # Selected, not multiplied: an infinite loss at padding is no loss.
        losses = ops.where(valid, losses, ops.zeros_like(losses))
        return ops.cast(losses, logits.dtype), ops.cast(valid, logits.dtype)

"""Replicas that compute one step together, under `tf.distribute`.

Elsewhere nothing has to be said: `keras.distribution` shards one batch on JAX, and its
sums are sums over all of it.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.layer_support.types import Tensor


def ratio_over_replicas(total: Tensor, count: Tensor | None = None) -> Tensor:
    """`total / count`, or `total`, summed over the replicas; 0 where `count` is.

    Under a strategy it is a replica's share of that, as Keras wants of a loss: the
    shares are equal and their sum is the ratio. The gradient is that of the replica's
    own `total` over all that was counted, so that the sum of the gradients is the one
    of a single device.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        context = tf.distribute.get_replica_context()  # None: between replicas
        if context is not None and context.num_replicas_in_sync > 1:
            everywhere = context.all_reduce("SUM", total)
            if count is not None:
                count = context.all_reduce("SUM", count)
            own, everywhere = _ratio(total, count), _ratio(everywhere, count)
            share = everywhere / context.num_replicas_in_sync
            return own + ops.stop_gradient(share - own)
    return _ratio(total, count)


def clip_together(optimizer: Any) -> None:
    """Have an optimizer clip what the gradients of all replicas add up to.

    Keras (3.15) clips those of each replica and adds them up then, which is not the
    step of a single device.
    """
    import tensorflow as tf

    def clip_sum(gradients: list[Tensor]) -> list[Tensor]:
        context = tf.distribute.get_replica_context()
        total = context.all_reduce("SUM", gradients)
        clipped = type(optimizer)._clip_gradients(optimizer, total)
        share = 1 / context.num_replicas_in_sync  # Keras adds up what it is given.
        return [tf.math.scalar_mul(share, gradient) for gradient in clipped]

    if optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue:
        optimizer._clip_gradients = clip_sum


def reducible(logs: Any) -> Any:
    """What a step reports, in a shape in which Keras takes the mean over workers.

    Keras (3.15) takes it over rows, and fails on numbers. Only callbacks within an
    epoch see that mean; at its end the metrics are read, which have counted everything.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        strategy = tf.distribute.get_strategy()
        workers = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        if workers and strategy.extended._in_multi_worker_mode():
            return keras.tree.map_structure(lambda x: ops.reshape(x, (1,)), logs)
    return logs


def between_replicas() -> bool:
    """Whether code runs for all replicas at once, as where Keras builds a model."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.distribute.in_cross_replica_context())


def _ratio(total: Tensor, count: Tensor | None) -> Tensor:
    return total if count is None else ops.divide_no_nan(total, count)

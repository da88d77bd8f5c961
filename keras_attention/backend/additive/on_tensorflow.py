"""Additive energies on TensorFlow; see `energies.py`."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_attention.backend.additive import tensorflow_graph, tensorflow_xla
from keras_attention.backend.additive.ratio import DIRECT, FACTORED, is_factorable
from keras_attention.backend.loop_tensorflow import dynamic_shapes
from keras_attention.layer_support.types import Tensor


def energies(query: Tensor, keys: Tensor, v: Tensor) -> Any:
    loops = tensorflow_graph if dynamic_shapes() else tensorflow_xla

    @tf.custom_gradient
    def compute(query: Tensor, keys: Tensor, v: Tensor) -> Any:
        factorable = is_factorable(query, keys)

        def either(loop: Callable[..., Any], *upstream: Tensor) -> Any:
            return tf.cond(
                factorable,
                lambda: loop(FACTORED, query, keys, v, *upstream),
                lambda: loop(DIRECT, query, keys, v, *upstream),
            )

        return either(loops.forward), lambda upstream: either(loops.backward, upstream)

    return compute(query, keys, v)

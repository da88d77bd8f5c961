"""Greedy search compiled by XLA, for a few sizes of batch and source.

XLA compiles one program for each size, which takes seconds. So a batch is padded to
the next size of a small table, and what has been compiled is the caller's to say: the
plain graph answers for every other size, and for whatever is larger than the table.
"""

import functools
from typing import Any

import tensorflow as tf

from keras_attention.pipeline.graphs import Graphs
from keras_attention.pipeline.option_inputs import Tensors

ROWS = (1, 2, 4, 8, 16, 24, 32, 48, 64)
COLUMNS = (8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64)

BEYOND = len(ROWS) * len(COLUMNS)
READY = tf.TensorSpec([BEYOND], tf.bool, name="ready")

_ALLOWED = (ROWS, COLUMNS)
_IDS = tf.TensorSpec([None, None], tf.int32)


class CompiledSearch:
    """Answers to source ids, from a compiled program where there is one.

    Args:
        graphs: Of the pipeline.
    """

    def __init__(self, graphs: Graphs) -> None:
        self._graphs = graphs

    @functools.cached_property
    def search(self) -> Any:
        """What greedy search finds for ids `[B, S]`, and the number of their `size`.

        `ready` says of each size whether its program may be used.
        """
        return tf.function(self._search, input_signature=[_IDS, READY], autograph=False)

    @functools.cached_property
    def _compiled(self) -> Any:
        return tf.function(
            self._graphs.greedy_fields,
            input_signature=[_IDS],
            autograph=False,
            jit_compile=True,
        )

    def _search(self, source_ids: Any, ready: Any) -> Tensors:
        sizes = tf.unstack(tf.shape(source_ids))
        # In the table; the last place is for what is larger than all.
        places = [
            tf.searchsorted(tf.constant(allowed), size[tf.newaxis])[0]
            for allowed, size in zip(_ALLOWED, sizes, strict=True)
        ]
        fits = (places[0] < len(ROWS)) & (places[1] < len(COLUMNS)) & (sizes[0] > 0)
        size = tf.where(fits, places[0] * len(COLUMNS) + places[1], BEYOND)

        def compiled() -> Tensors:
            rows, columns = sizes
            wanted = [tf.gather(*pair) for pair in zip(_ALLOWED, places, strict=True)]
            padded = tf.pad(source_ids, [[0, 0], [0, wanted[1] - columns]])
            # The last row again and again: an empty one may take more steps.
            padded = tf.gather(padded, tf.minimum(tf.range(wanted[0]), rows - 1))
            found = {name: x[:rows] for name, x in self._compiled(padded).items()}
            steps = tf.reduce_max(found["lengths"])
            weights = found["weights"][..., :steps, :columns]
            return found | {"ids": found["ids"][:, :steps], "weights": weights}

        def plain() -> Tensors:
            nothing = tf.zeros(sizes[:1], tf.int32), tf.zeros(sizes[:1], tf.float32)
            return self._graphs.greedy_ids(source_ids, *nothing)

        is_ready = tf.pad(ready, [[0, 1]])[size]
        return tf.cond(is_ready, compiled, plain) | {"size": size}

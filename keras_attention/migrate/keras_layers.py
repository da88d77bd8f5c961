"""`keras.layers.AdditiveAttention` and `keras.layers.Attention`, of Keras 2 and 3."""

import numpy as np

from keras_attention.attention.attention import Attention
from keras_attention.attention.scores import AdditiveScore, DotScore
from keras_attention.layer_support.building import require_built
from keras_attention.migrate.assignments import (
    Arrays,
    Assignment,
    assign,
    require,
    same,
)


def keras_layer(arrays: Arrays, attention: Attention) -> list[str]:
    r"""Weights of Keras' own attention layers.

    | Keras | the layer |
    |---|---|
    | `AdditiveAttention()` | `ka.BahdanauAttention(units=D)`, both kernels one |
    | `Attention()` | `ka.LuongAttention("dot")` |
    | `Attention(use_scale=True)` | `ka.LuongAttention("dot", scale="learned")` |
    | `Attention(score_mode="concat")` | `ka.BahdanauAttention(units=D)` |

    Keras' additive energies are $s^\top \tanh(q + k)$, those of `concat`
    $w \sum \tanh(s\,(q + k))$: queries and keys of one depth D, no matrices.

    Args:
        arrays: The layer's, by name: `scale`, `concat_score_weight`, or none.
        attention: Built, of one head.

    Returns:
        An empty list: every weight is set.

    Raises:
        ValueError: The layer is no counterpart; arrays are missing, left over or of
            another shape. Nothing is assigned then.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> from keras_attention import migrate
    >>> theirs = keras.layers.AdditiveAttention()
    >>> theirs.build([(2, 3, 4), (2, 5, 4)])
    >>> ours = ka.BahdanauAttention(units=4)
    >>> ours.build((2, 3, 4), (2, 5, 4))
    >>> migrate.keras_layer({v.path: v for v in theirs.weights}, ours)
    []
    """
    require_built(attention, "keras_layer", "query_shape, value_shape")
    score = attention.score
    named = {name.split("/")[-1].removesuffix(":0"): x for name, x in arrays.items()}
    if isinstance(score, DotScore) and attention.num_heads == 1:
        wanted = [] if score.g is None else [same(score.g, "scale")]
        return assign(wanted, named, attention)
    require(
        isinstance(score, AdditiveScore)
        and attention.num_heads == 1
        and score.b is None
        and not score.layer_normalize
        and score.query.kernel.shape == score.key.kernel.shape[::-1],
        "an attention of one head with the dot score, or with the additive score, "
        "neither bias nor normalisation, and `units` the depth of queries and keys",
        f"{attention.num_heads} heads, {score.get_config()}",
    )
    units = score.v.shape[0]
    scale = {"scale": () if "concat_score_weight" in named else (units,)}
    scale = scale if "scale" in named else {}  # Without one it is 1.
    inner, outer = {}, scale
    if "concat_score_weight" in named:
        inner, outer = scale, {"concat_score_weight": ()}
    kernels = [score.query.kernel, score.key.kernel]
    wanted = [Assignment(x, inner, lambda s=1.0: s * np.eye(units)) for x in kernels]
    wanted += [Assignment(score.v, outer, lambda s=1.0: s * np.ones(units))]
    return assign(wanted, named, attention)

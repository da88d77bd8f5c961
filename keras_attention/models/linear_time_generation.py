"""Linear-time generation with hard monotonic attention."""

from collections.abc import Callable
from typing import Any

from keras_attention.attention.linear_time_monotonic import WalkingAttention
from keras_attention.generation import Generation, GenerationOptions
from keras_attention.generation.from_model import generate_from
from keras_attention.generation.options.checks import numbers
from keras_attention.models.seq2seq import Seq2Seq

_ONE = ("beam_size", "alternatives")


def generate_monotonic(
    model: Seq2Seq, source_ids: Any, options: GenerationOptions | None = None
) -> Generation:
    r"""As `model.generate`, asking for S + T energies of a sentence, not for S T.

    For a decoder with hard monotonic attention, which at each step goes on from where
    it stopped: the score is asked about one key at a time until attention stops again.
    Made for one sentence at a time; with several rows each step takes as long as the
    row that goes furthest, and the answers are the same.

    Args:
        model: `ka.Seq2Seq` whose attention has one head, the alignment `monotonic`
            with `mode="hard"`, and a score that is `pairwise` (see `ka.scores`).
        source_ids: `[B, S]` integers, every row ending in `end_id`, then `pad_id`.
        options: `ka.GenerationOptions`, but for those that go on with several
            hypotheses of a row.

    Returns:
        `ka.Generation`.

    Raises:
        ValueError: Another attention, or several hypotheses of a row.
        TypeError: Another model.

    References:
        Raffel, Luong, Liu, Weiss & Eck 2017, arXiv 1704.00784, section 2.2 and
        algorithm 1.

    Example:

    >>> import keras, numpy as np
    >>> import keras_attention as ka
    >>> attention = ka.Attention("additive", "monotonic")
    >>> model = ka.Seq2Seq(
    ...     ka.RecurrentEncoder(8),
    ...     ka.AttentionDecoder(keras.layers.LSTMCell(16), attention),
    ...     source_vocabulary_size=10, target_vocabulary_size=12, embedding_dim=4,
    ... )
    >>> source = np.array([[5, 4, 3, 6, 2]])
    >>> fast, plain = ka.generate_monotonic(model, source), model.generate(source)
    >>> np.array_equal(fast.ids, plain.ids)
    True
    """
    if not isinstance(model, Seq2Seq):
        raise TypeError(f"`model` must be a ka.Seq2Seq. Received: model={model!r}")
    options = options or GenerationOptions()
    for name in _ONE:
        value = getattr(options, name)
        known = numbers(value)
        if known is None or (known != 1).any():
            raise ValueError(
                f"`{name}` must be 1: a walk follows one hypothesis. "
                f"Received: {name}={value!r}"
            )
    return generate_from(_Walking(model), source_ids, options, graphs=model.graphs)


class _Walking:
    """A model as generation sees it, with attention that walks."""

    def __init__(self, model: Seq2Seq) -> None:
        self.model = model
        self.pad_id, self.start_id = model.pad_id, model.start_id
        self.end_id = model.end_id
        self.target_vocabulary_size = model.target_vocabulary_size

    def encode(self, source_ids: Any) -> tuple[Any, Any, Any]:
        memory, state, mask = self.model.encode(source_ids)
        walking = WalkingAttention(self.model.decoder.attention, memory)
        return walking, walking.begin(state), mask

    def stepper(self, memory: Any, beam_size: Any = 1) -> Callable[[Any, Any], Any]:
        return self.model.stepper(memory.memory, attention=memory)

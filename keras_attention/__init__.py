"""Attention for recurrent encoder-decoders in Keras 3, from layer to server.

Importing this registers every class with Keras, so that saved models load
without `custom_objects`. Text and export need TensorFlow and are imported when
they are first asked for.
"""

from typing import Any

from keras_attention import (
    alignments,
    losses,
    metrics,
    readouts,
    schedules,
    scores,
)
from keras_attention.attention import Attention
from keras_attention.bahdanau import BahdanauAttention
from keras_attention.context_gates import ContextGate
from keras_attention.copying import CopyGenerator
from keras_attention.decoder import AttentionDecoder
from keras_attention.encoder import RecurrentEncoder
from keras_attention.ensemble import Ensemble
from keras_attention.fixed_context import FixedContext
from keras_attention.flat_attention import FlatAttention
from keras_attention.generation import Generation, GenerationOptions, generate
from keras_attention.hierarchical_attention import HierarchicalAttention
from keras_attention.luong import LuongAttention
from keras_attention.marginal import MarginalAttention
from keras_attention.memory import AttentionMemory, AttentionState
from keras_attention.monotonic_generation import generate_monotonic
from keras_attention.orders import DecoderState
from keras_attention.pooling import AttentionPooling
from keras_attention.scoring import Scores
from keras_attention.seq2seq import Seq2Seq
from keras_attention.shortlist import Restricted, Shortlist
from keras_attention.walking import WalkingAttention

__version__ = "0.1.0"

__all__ = [
    "Attention",
    "AttentionDecoder",
    "AttentionMemory",
    "AttentionPooling",
    "AttentionState",
    "BahdanauAttention",
    "ContextGate",
    "CopyGenerator",
    "DecoderState",
    "Ensemble",
    "FixedContext",
    "FlatAttention",
    "Generation",
    "GenerationOptions",
    "HierarchicalAttention",
    "LuongAttention",
    "MarginalAttention",
    "Prediction",
    "RecurrentEncoder",
    "Restricted",
    "ScoredText",
    "Scores",
    "Seq2Seq",
    "Shortlist",
    "TextToText",
    "WalkingAttention",
    "alignments",
    "generate",
    "generate_monotonic",
    "losses",
    "metrics",
    "readouts",
    "schedules",
    "scores",
]

_NEEDS_TENSORFLOW = {"TextToText", "Prediction", "ScoredText"}


def __getattr__(name: str) -> Any:
    # Everything Keras must find when it loads a model is imported above; these
    # are not saved by Keras, and would bring TensorFlow into JAX programs.
    if name in _NEEDS_TENSORFLOW:
        try:
            from keras_attention import text_to_text
        except ModuleNotFoundError as error:
            raise ImportError(
                f"ka.{name} needs {error.name}, which is not installed: "
                'pip install "keras-attention-seq2seq[tensorflow]"'
            ) from error
        return getattr(text_to_text, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

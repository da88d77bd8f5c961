"""Attention for recurrent encoder-decoders in Keras 3, from layer to server.

Importing this registers every class with Keras, so that saved models load
without `custom_objects`. Text and export need TensorFlow and are imported when
they are first asked for.
"""

import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

import keras_attention.layer_support.oldest_versions  # noqa: F401  # before Keras
import keras_attention.layer_support.quiet_commands  # noqa: F401  # before Keras

# isort: split
from keras_attention import losses, metrics
from keras_attention.attention import alignments, scores
from keras_attention.attention.attention import Attention
from keras_attention.attention.bahdanau import BahdanauAttention
from keras_attention.attention.fixed_context import FixedContext
from keras_attention.attention.linear_time_monotonic import WalkingAttention
from keras_attention.attention.luong import LuongAttention
from keras_attention.attention.memory import AttentionMemory, AttentionState
from keras_attention.attention.multi_source.flat import FlatAttention
from keras_attention.attention.multi_source.hierarchical import HierarchicalAttention
from keras_attention.attention.pooling import AttentionPooling
from keras_attention.decoder import readouts
from keras_attention.decoder import sampling_schedules as schedules
from keras_attention.decoder.context_gate import ContextGate
from keras_attention.decoder.decoder import AttentionDecoder
from keras_attention.decoder.source_outputs import copying
from keras_attention.decoder.source_outputs.copying import CopyGenerator
from keras_attention.decoder.source_outputs.exact_marginal import MarginalAttention
from keras_attention.decoder.source_outputs.pointer_generator import PointerGenerator
from keras_attention.decoder.step import DecoderState
from keras_attention.generation import Generation, GenerationOptions, generate
from keras_attention.metrics import error_rates
from keras_attention.models.encoder import RecurrentEncoder
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.lexical_shortlist import Restricted, Shortlist
from keras_attention.models.likelihood import Likelihoods
from keras_attention.models.linear_time_generation import generate_monotonic
from keras_attention.models.seq2seq import Seq2Seq

if TYPE_CHECKING:
    from keras_attention import recipes  # noqa: F401
    from keras_attention.text_to_text import Prediction, ScoredText, TextToText

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
    "Likelihoods",
    "LuongAttention",
    "MarginalAttention",
    "PointerGenerator",
    "Prediction",
    "RecurrentEncoder",
    "Restricted",
    "ScoredText",
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

# Import paths of version 0.1.0 whose modules now stand in a room.
sys.modules |= {
    f"{__name__}.{name}": module
    for name, module in {
        "alignments": alignments,
        "copying": copying,
        "evaluate": error_rates,
        "readouts": readouts,
        "schedules": schedules,
        "scores": scores,
    }.items()
}

_NEEDS_TENSORFLOW = {"TextToText", "Prediction", "ScoredText"}


def _looked_up(name: str) -> Any:
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
    if name == "recipes":
        return importlib.import_module(f"{__name__}.recipes")
    if name == "Scores":
        warnings.warn(
            "ka.Scores is now ka.Likelihoods; the old name goes with version 0.3.",
            DeprecationWarning,
            stacklevel=2,
        )
        return Likelihoods
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# A type checker would believe that every name is there.
if not TYPE_CHECKING:
    __getattr__ = _looked_up

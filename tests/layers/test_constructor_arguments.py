"""Arguments of constructors: each, set off its default, survives saving."""

import inspect
import json

import keras
import pytest

import keras_attention as ka
from keras_attention.decoder import bridges, orders
from tests.layers.cases import ENTRIES

L = keras.layers


def _decoder():
    return ka.AttentionDecoder(L.GRUCell(4), ka.LuongAttention())


# What a class cannot be made without.
REQUIRED = {
    "Attention": lambda: {"score": "general"},
    "AttentionDecoder": lambda: {
        "cell": L.GRUCell(4),
        "attention": ka.LuongAttention(),
    },
    "AttentionPooling": lambda: {"units": 4},
    "BahdanauAttention": lambda: {"units": 4},
    "Constant": lambda: {"k": 0.5},
    "CopyGenerator": lambda: {"extra_ids": 2},
    "Ensemble": lambda: {
        "models": [
            ka.Seq2Seq(ka.RecurrentEncoder(2), _decoder(), 9, 8, 4) for _ in range(2)
        ]
    },
    "Exponential": lambda: {"k": 0.5},
    "FlatAttention": lambda: {"attention": ka.LuongAttention(), "units": 4},
    "HierarchicalAttention": lambda: {
        "attentions": [ka.LuongAttention(), ka.LuongAttention()],
        "over": ka.LuongAttention(),
        "units": 4,
    },
    "InverseSigmoid": lambda: {"k": 5.0},
    "Linear": lambda: {"start": 1.0, "slope": 0.25},
    "MarginalAttention": lambda: {"vocabulary_size": 9, "units": 4},
    "PointerGenerator": lambda: {"vocabulary_size": 9},
    "RecurrentEncoder": lambda: {"units": 4},
    "Seq2Seq": lambda: {
        "encoder": ka.RecurrentEncoder(2),
        "decoder": _decoder(),
        **{"source_vocabulary_size": 9, "target_vocabulary_size": 8},
        "embedding_dim": 4,
    },
}
# Values off the default where the type of an argument does not tell one.
OTHER = {
    "activation": "relu",
    "alignment": "sparsemax",
    "average": "linear",
    "bridge": "zero",
    "cell": "gru",
    "context_gate": "both",
    "dtype": "float16",
    "end_id": 5,
    "name": "another",
    "noise": 0.5,
    "order": "bahdanau",
    "output": keras.saving.serialize_keras_object(
        ka.PointerGenerator(8, target_ids=[*range(8), 0])
    ),
    "pad_id": 4,
    "readout": "maxout",
    "reduction": "sum",
    "scale": "sqrt",
    "scheduled_sampling": 0.5,
    "score": "dot",
    "side": "query",
    "start_id": 6,
    "target_ids": [0, 1, 2, 3, 8],
    "variant": "source",
    "weights": [0.25, 0.75],
}
# Arguments that go with others only.
WITH = {
    ("LuongAttention", "units"): {"score": "concat"},
    ("AttentionDecoder", "context_gate"): {"order": "bahdanau"},
    ("AttentionDecoder", "output_units"): {"readout": "maxout"},
}
# Arguments that are kept within another.
WITHIN = {("AttentionDecoder", "output_units"): "readout"}
# Taken for the sake of those that exchange one attention for another.
IGNORED = {f"bias_{kind}" for kind in ("initializer", "regularizer", "constraint")}


def _public_classes():
    rooms = (ka, ka.losses, ka.metrics, ka.readouts, ka.schedules)
    classes = {
        cls
        for room in rooms
        for cls in vars(room).values()
        if inspect.isclass(cls)
        and cls.__module__.startswith("keras_attention")
        and getattr(cls, "get_config", len).__module__.startswith("keras_attention")
        and not inspect.isabstract(cls)
        # What it is made of are weights.
        and cls is not ka.Restricted
    }
    return sorted(classes, key=lambda cls: cls.__name__)


def _arguments(cls):
    """Parameters of its constructor by name."""
    return {
        name: parameter
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def _off_default(name, parameter):
    default, kind = parameter.default, str(parameter.annotation)
    for ending, value in (
        ("initializer", "ones"),
        ("regularizer", "l2"),
        ("constraint", "non_neg"),
    ):
        if name.endswith(ending):
            return value
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 2
    if isinstance(default, float):
        return default + 0.25
    if "int" in kind:
        return 3
    if "float" in kind:
        return 1.5
    pytest.fail(f"Give {name!r} a value in `OTHER`, or in the `other` of its entry")


def _survives(make, argument, value, within=None):
    plain, other = make(), make(**{argument: value})
    config, key = other.get_config(), within or argument
    assert key in config, f"{type(other).__name__}.get_config leaves out {key!r}"
    assert config[key] != plain.get_config()[key]
    stored = _stored(other)
    again = keras.saving.deserialize_keras_object(stored)
    assert _stored(again)["config"][key] == stored["config"][key]


def _stored(made):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(made)))


PARTS = [
    (room, name, argument, parameter)
    for room in (ka.scores, ka.alignments)
    for name in room.names()
    for argument, parameter in {
        **(
            _arguments(ka.scores.AdditiveScore)
            if hasattr(room.get(name), "additive")
            else {}
        ),
        **_arguments(type(room.get(name))),
    }.items()
    # For the version stands the name.
    if argument != "version"
]


@pytest.mark.parametrize(
    "room, name, argument, parameter", PARTS, ids=[f"{n}-{a}" for _, n, a, _ in PARTS]
)
def test_of_scores_and_alignments(room, name, argument, parameter):
    other = ENTRIES[room.registry.kind][name].other
    value = other.get(argument)
    value = _off_default(argument, parameter) if value is None else value
    _survives(lambda **given: room.get(name, **given), argument, value)


CLASSES = [
    (cls, argument, parameter)
    for cls in _public_classes()
    for argument, parameter in _arguments(cls).items()
]


CLASS_IDS = [f"{cls.__name__}-{argument}" for cls, argument, _ in CLASSES]


@pytest.mark.parametrize("cls, argument, parameter", CLASSES, ids=CLASS_IDS)
def test_of_public_classes(cls, argument, parameter):
    def make(**given):
        required = REQUIRED.get(cls.__name__, dict)()
        return cls(**required | WITH.get((cls.__name__, argument), {}) | given)

    if cls is ka.LuongAttention and argument in IGNORED:
        assert argument not in make().get_config()
        return
    if parameter.default is inspect.Parameter.empty:
        assert argument in REQUIRED[cls.__name__]()
        assert argument in make().get_config()
        return
    value = OTHER.get(argument)
    if cls is ka.MarginalAttention and argument == "order":
        value = 1
    value = _off_default(argument, parameter) if value is None else value
    _survives(make, argument, value, WITHIN.get((cls.__name__, argument)))


def test_parts_of_the_decoder_are_here():
    names = {cls.__name__ for cls in _public_classes()}
    for registry in (ka.readouts.registry, bridges.registry, orders.registry):
        for name in registry.names():
            instance = registry.get(name)
            if type(instance).__name__ not in names and hasattr(instance, "get_config"):
                assert set(_arguments(type(instance))) <= {"name"}

"""Arguments of constructors: each, set off its default, survives saving."""

import inspect
import json

import keras
import pytest

import keras_attention as ka
from keras_attention.decoder import bridges, orders
from tests.reference import entries

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
    "CopyGenerator": lambda: {"extra_ids": 2},
    "Ensemble": lambda: {"members": [_seq2seq(), _seq2seq()]},
    "FlatAttention": lambda: {"attention": ka.LuongAttention(), "units": 4},
    "HierarchicalAttention": lambda: {
        "attentions": [ka.LuongAttention(), ka.LuongAttention()],
        "over": ka.LuongAttention(),
        "units": 4,
    },
    "MarginalAttention": lambda: {"score": "general"},
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
    "bridge": "zero",
    "cell": "gru",
    "context_gate": "both",
    "coverage_weight": 1.5,
    "name": "another",
    "noise": 0.5,
    "order": "bahdanau",
    "readout": "maxout",
    "reduction": "sum",
    "scale": "sqrt",
    "score": "dot",
    "side": "query",
    "variant": "source",
}
# Arguments that go with others only.
WITH = {
    ("LuongAttention", "units"): {"score": "concat"},
    ("AttentionDecoder", "context_gate"): {"order": "bahdanau"},
    ("AttentionDecoder", "output_units"): {"readout": "maxout"},
}


def _seq2seq():
    return ka.Seq2Seq(ka.RecurrentEncoder(2), _decoder(), 9, 8, 4)


def _public_classes():
    rooms = (ka, ka.losses, ka.metrics, ka.readouts, ka.schedules)
    classes = {
        cls
        for room in rooms
        for cls in vars(room).values()
        if inspect.isclass(cls)
        and hasattr(cls, "get_config")
        and cls.__module__.startswith("keras_attention")
        and not inspect.isabstract(cls)
    }
    return sorted(classes, key=lambda cls: cls.__name__)


def _arguments(cls):
    """Parameters by name, of its own constructor and of those that it passes on to."""
    found = {}
    for above in cls.__mro__:
        own = vars(above).get("__init__")
        if own is not None and above.__module__.startswith("keras_attention"):
            parameters = inspect.signature(own).parameters
            found = {
                name: x
                for name, x in parameters.items()
                if x.kind not in (x.VAR_KEYWORD, x.VAR_POSITIONAL) and name != "self"
            } | found
            if not any(x.kind == x.VAR_KEYWORD for x in parameters.values()):
                break
    return found


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


def _survives(make, argument, value):
    plain, other = make(), make(**{argument: value})
    config = other.get_config()
    assert argument in config, f"{type(other).__name__}.get_config leaves it out"
    assert config[argument] != plain.get_config()[argument]
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(other)))
    again = keras.saving.deserialize_keras_object(stored)
    assert again.get_config() == config


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
]


@pytest.mark.parametrize(
    "room, name, argument, parameter", PARTS, ids=[f"{n}-{a}" for _, n, a, _ in PARTS]
)
def test_of_scores_and_alignments(room, name, argument, parameter):
    found = entries.SCORES if room is ka.scores else entries.ALIGNMENTS
    other = found[name].other
    if argument == "version":
        pytest.skip("the name stands for it")
    value = other.get(argument) or _off_default(argument, parameter)
    _survives(lambda **given: room.get(name, **given), argument, value)


CLASSES = [
    (cls, argument, parameter)
    for cls in _public_classes()
    for argument, parameter in _arguments(cls).items()
]


@pytest.mark.parametrize(
    "cls, argument, parameter", CLASSES, ids=[f"{c.__name__}-{a}" for c, a, _ in CLASSES]
)
def test_of_public_classes(cls, argument, parameter):
    def make(**given):
        required = REQUIRED.get(cls.__name__, dict)()
        return cls(**required | WITH.get((cls.__name__, argument), {}) | given)

    if parameter.default is inspect.Parameter.empty:
        assert argument in REQUIRED[cls.__name__]()
        assert argument in make().get_config()
        return
    value = OTHER.get(argument)
    value = _off_default(argument, parameter) if value is None else value
    _survives(make, argument, value)


def test_parts_of_the_decoder_are_here():
    names = {cls.__name__ for cls in _public_classes()}
    for registry in (ka.readouts.registry, bridges.registry, orders.registry):
        for name in registry.names():
            instance = registry.get(name)
            if type(instance).__name__ not in names and hasattr(instance, "get_config"):
                assert set(_arguments(type(instance))) <= {"name"}

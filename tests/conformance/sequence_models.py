"""Encoder-decoders: every order, readout and bridge, ensembles and shortlists."""

import keras
import numpy as np

import keras_attention as ka
from tests.conformance.golden import Golden

VS, V, EMBEDDING = 10, 9, 5
INPUTS = {
    "source_ids": np.array([[3, 4, 5, 2], [6, 2, 0, 0]], "int32"),
    "target_ids": np.array([[1, 4, 5], [1, 6, 0]], "int32"),
}
# Every id of `INPUTS` where padding, start and end are 3, 0 and 4.
OTHER_IDS = np.array([3, 0, 4, 1, 2, 5, 6, 7, 8], "int32")
LABELS = np.array([[4, 5, 2], [6, 2, 0]], "int32")


def build():
    """name -> `Golden`."""
    L = keras.layers
    two = [L.LSTMCell(6), L.LSTMCell(5)]
    models = {
        "order_bahdanau": _model(
            L.GRUCell(6),
            ka.BahdanauAttention(8),
            _encoder("gru"),
            readout="maxout",
            output_units=5,
            bridge="mean_context",
            context_gate="both",
            dropout=0.1,
        ),
        "order_conditional": _model(
            L.StackedRNNCells([L.GRUCell(6), L.GRUCell(6)]),
            ka.BahdanauAttention(8),
            _encoder("gru"),
            order="conditional",
            bridge="copy",
            context_gate=ka.ContextGate("source", kernel_regularizer="l2"),
        ),
        "order_gnmt": _model(
            L.StackedRNNCells(two), ka.BahdanauAttention(8), order="gnmt"
        ),
        "order_luong_without_feeding": _model(
            L.LSTMCell(6),
            ka.LuongAttention("general"),
            input_feeding=False,
            readout="concat",
            bridge="zero",
        ),
        "tied": _model(
            L.GRUCell(6),
            ka.LuongAttention("general", scale="sqrt", num_heads=2),
            output_units=EMBEDDING,
            model={"tie_embeddings": True},
        ),
        "without_attention": _model(
            L.StackedRNNCells([L.LSTMCell(6), L.LSTMCell(6)]),
            None,
            ka.RecurrentEncoder(6, num_layers=2, bidirectional=False),
            bridge="copy",
        ),
        "hard_monotonic": _model(
            L.GRUCell(6),
            ka.Attention("additive", ka.alignments.MonotonicAlignment(mode="hard")),
            model={"pad_id": 3, "start_id": 0, "end_id": 4},
        ),
        "scheduled_sampling": _sampled(ka.schedules.InverseSigmoid(3.0)),
        "ensemble": ka.Ensemble(
            [
                _sampled(ka.schedules.Linear(1.0, slope=0.1, floor=0.5)),
                _sampled(ka.schedules.Exponential(0.9)),
                _sampled(0.75, ka.LuongAttention("general", num_heads=2)),
            ],
            weights=[1, 3, 2],
        ),
        "shortlist": ka.Shortlist(
            np.random.default_rng(8).integers(3, V, size=(VS, 2)), np.array([7]), V
        ).restrict(ka.Ensemble([_plain(), _plain()], average="linear")),
        "pointer_output": _model(
            keras.layers.LSTMCell(6),
            ka.BahdanauAttention(4),
            model={"output": ka.PointerGenerator(V, [0, 1, 2, 3, 8, 7, 6, 5, 4, 3])},
        ),
        "marginal_output": _model(
            keras.layers.LSTMCell(6),
            None,
            model={"output": ka.MarginalAttention(V, 6, order=1, monotonic=True)},
        ),
    }
    found = {name: Golden(model, INPUTS) for name, model in models.items()}
    others = {name: OTHER_IDS[ids] for name, ids in INPUTS.items()}
    found["hard_monotonic"] = found["hard_monotonic"]._replace(inputs=others)
    return found | {"compiled": _compiled()}


def _encoder(cell="lstm", **options):
    return ka.RecurrentEncoder(3, cell, **options)


def _model(cell, attention, encoder=None, model=None, **decoder):
    return ka.Seq2Seq(
        encoder or _encoder(),
        ka.AttentionDecoder(cell, attention, **decoder),
        source_vocabulary_size=VS,
        target_vocabulary_size=V,
        embedding_dim=EMBEDDING,
        **(model or {}),
    )


def _plain():
    return _model(keras.layers.GRUCell(6), ka.BahdanauAttention(4))


def _sampled(schedule, attention=None):
    return _model(
        keras.layers.LSTMCell(6),
        attention or ka.BahdanauAttention(4),
        model={"scheduled_sampling": schedule, "seed": 4},
    )


def _compiled():
    """Order luong with all that training knows; its optimizer has seen some steps."""
    model = _model(
        keras.layers.StackedRNNCells([keras.layers.LSTMCell(6) for _ in range(2)]),
        ka.LuongAttention("general"),
        _encoder(num_layers=2),
        model={"return_attention_scores": True},
    )
    model.compile(
        keras.optimizers.Adam(0.01, epsilon=0.01),
        {
            "logits": ka.losses.MaskedCrossentropy(label_smoothing=0.1),
            "weights": ka.losses.CoverageLoss(),
        },
        metrics={"logits": [ka.metrics.TokenAccuracy(), ka.metrics.SequenceAccuracy()]},
        loss_weights={"logits": 1.0, "weights": 0.5},
    )
    pairs = ka.losses.valid_pairs(LABELS, INPUTS["source_ids"])
    return Golden(model, INPUTS, {"logits": LABELS, "weights": pairs})

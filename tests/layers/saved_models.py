"""Models of every combination, saved here and loaded where nothing is registered.

Run as a program, with a folder of saved models: loads each without
`custom_objects` and compares its outputs with those stored beside it.
"""

import pathlib
import sys

import numpy as np


def build():
    """name -> (model, inputs) for every layer, preset, decoder and encoder."""
    import keras

    import keras_attention as ka
    from tests.layers import cases, decoder_cases

    random = np.random.default_rng(6)
    query = random.normal(size=(2, 3, cases.D)).astype("float32")
    value = random.normal(size=(2, 5, cases.DV)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
    models = {}

    def inputs():
        return [
            keras.Input((None, cases.D)),
            keras.Input((None, cases.DV)),
            keras.Input((None,), dtype="bool"),
        ]

    def add(name, call, data=(query, value, mask)):
        given = inputs()
        models[name] = keras.Model(given, call(*given)), list(data)

    def attention(layer):
        def call(q, v, m):
            key = keras.layers.Dense(layer.key_depth)(v)
            return layer.layer(q, v, key, value_mask=m, return_attention_scores=True)

        return call

    for name, case in cases.ATTENTIONS.items():
        if name in cases.OWN:  # Registered by nobody in another process.
            continue
        heads = 1 if name == "fixed" else 2
        made = _Keyed(case.make(num_heads=heads), case.key_depth)
        add(f"attention_{name}", attention(made))
    layer = _Keyed(
        ka.BahdanauAttention(
            cases.U,
            normalize=True,
            use_bias=True,
            dropout=0.1,
            kernel_initializer=keras.initializers.HeNormal(seed=1),
            kernel_regularizer=keras.regularizers.L2(1e-3),
            bias_constraint="max_norm",
            seed=3,
        ),
        4,
    )
    add("attention_everything", attention(layer))

    def decoder(layer):
        return lambda q, v, m: layer(q, v, value_mask=m, return_attention_scores=True)

    for case in decoder_cases.DECODERS:
        for cell in decoder_cases.CELLS if case in decoder_cases.LOOPS else ["lstm"]:
            name = "bahdanau" if cell == "gru" else "luong_general"
            add(f"decoder_{case}_{cell}", decoder(decoder_cases.make(case, name, cell)))
    cells = keras.layers.StackedRNNCells([keras.layers.LSTMCell(n) for n in (5, 6)])
    layer = ka.AttentionDecoder(cells, ka.Attention("general"), order="gnmt")
    add("decoder_gnmt_two_cells", decoder(layer))

    for variant, order in [("both", "bahdanau"), ("source", "conditional")]:
        cells = [keras.layers.GRUCell(6) for _ in range(1 + (variant == "source"))]
        layer = ka.AttentionDecoder(
            cells[0] if len(cells) == 1 else keras.layers.StackedRNNCells(cells),
            ka.Attention("general"),
            order=order,
            context_gate=ka.ContextGate(variant, kernel_regularizer="l2"),
        )
        add(f"decoder_gate_{variant}", decoder(layer))

    def two(attention, order):
        layer = ka.AttentionDecoder(keras.layers.GRUCell(6), attention, order=order)
        return lambda q, v, m: layer(
            q, [v, q], value_mask=[m, None], return_attention_scores=True
        )

    flat = ka.FlatAttention(
        ka.LuongAttention("general", num_heads=2), 6, kernel_regularizer="l2"
    )
    add("decoder_flat", two(flat, "bahdanau"))
    pair = [ka.BahdanauAttention(4, dropout=0.1), ka.Attention("coverage")]
    over = ka.LuongAttention("dot")
    hierarchical = ka.HierarchicalAttention(pair, over, 6, share=True)
    add("decoder_hierarchical", two(hierarchical, "luong"))
    readout = ka.readouts.AttentionalReadout(7, activation="linear")
    layer = ka.AttentionDecoder(
        keras.layers.GRUCell(6, dropout=0.2),
        ka.Attention("additive", num_heads=2, dropout=0.1),
        order="luong",
        readout=readout,
        dropout=0.1,
        seed=4,
    )
    add("decoder_everything", decoder(layer))

    def whole(cell, layers, attention, bridge):
        encoder = ka.RecurrentEncoder(3, cell, num_layers=layers, dropout=0.1)
        cells = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}[cell]
        made = [cells(6) for _ in range(layers)]
        cell = made[0] if layers == 1 else keras.layers.StackedRNNCells(made)
        layer = ka.AttentionDecoder(cell, attention, bridge=bridge)

        def call(q, v, m):
            memory, state = encoder(v, mask=m)
            return layer(q, memory, value_mask=m, initial_state=state)

        return call

    for name, arguments in {
        "lstm_dense": ("lstm", 1, ka.LuongAttention("general"), "dense"),
        "gru_copy": ("gru", 2, ka.BahdanauAttention(4), "copy"),
        "lstm_zero": ("lstm", 2, None, "zero"),
        "lstm_mean": ("lstm", 2, ka.BahdanauAttention(4), "mean_context"),
    }.items():
        add(f"encoder_decoder_{name}", whole(*arguments))

    def pooling(q, v, m):
        layer = ka.AttentionPooling(4, 2, penalty=0.1, use_bias=True, dropout=0.1)
        return layer(v, value_mask=m, return_attention_scores=True)

    add("pooling", lambda q, v, m: [q, *pooling(q, v, m)])
    ids = np.array([[3, 4, 2], [5, 2, 0]], "int32")

    given = [*inputs(), keras.Input((None,), dtype="int32")]
    layer = ka.MarginalAttention(6, 6, order=1, window=1, monotonic=True)
    log_probs, weights = layer(
        given[0], given[1], given[3], value_mask=given[2], return_attention_scores=True
    )
    data = [query, value, mask, ids]
    models["marginal"] = keras.Model(given, [log_probs, weights]), data
    source_ids = keras.Input((None,), dtype="int32")
    gate = keras.layers.Dense(1)(given[0])
    copied = ka.CopyGenerator(2)(log_probs, weights, source_ids, gate)
    numbers = np.array([[3, 6, 5, 6, 2], [4, 2, 0, 0, 0]], "int32")
    models["copying"] = keras.Model([*given, source_ids], copied), [*data, numbers]

    for name, options in {
        "plain": {},
        "weights": {"return_attention_scores": True},
        "other_ids": {"pad_id": 3, "start_id": 0, "end_id": 4},
        "bfloat16": {"dtype": "mixed_bfloat16"},
        "sampled": {"scheduled_sampling": ka.schedules.InverseSigmoid(3.0)},
    }.items():
        model = ka.Seq2Seq(
            ka.RecurrentEncoder(3),
            ka.AttentionDecoder(keras.layers.LSTMCell(6), ka.BahdanauAttention(4)),
            9,
            8,
            4,
            name=f"seq2seq_{name}",
            **options,
        )
        models[f"seq2seq_{name}"] = model, {"source_ids": ids, "target_ids": ids}

    def member(attention, **options):
        decoder = ka.AttentionDecoder(keras.layers.GRUCell(6), attention)
        # Read from files, models are often all called the same.
        encoder = ka.RecurrentEncoder(3)
        return ka.Seq2Seq(encoder, decoder, 9, 8, 4, name="model", **options)

    def ensemble(average):
        first = member(ka.BahdanauAttention(4), return_attention_scores=True)
        second = member(ka.LuongAttention("general", num_heads=2))
        second.compile("adam", ka.losses.MaskedCrossentropy())
        return ka.Ensemble([first, second], [1, 3], average)

    table = random.integers(3, 8, size=(9, 2))
    shortlist = ka.Shortlist(table, np.array([7]), 8)
    for name, model in {
        "ensemble_log": ensemble("log"),
        "ensemble_linear": ensemble("linear"),
        "restricted": shortlist.restrict(member(ka.BahdanauAttention(4))),
        "restricted_ensemble": shortlist.restrict(ensemble("linear")),
    }.items():
        models[name] = model, {"source_ids": ids, "target_ids": ids}
    return models


class _Keyed:
    """A layer and the depth of the keys that it wants."""

    def __init__(self, layer, key_depth):
        self.layer, self.key_depth = layer, key_depth


def outputs(model, inputs):
    """Flat float64 outputs, and what is generated from the source."""
    import keras

    from tests.layers.gradients import to_numpy

    flat = keras.tree.flatten(to_numpy(model(inputs)))
    if hasattr(model, "generate"):
        generation = model.generate(inputs["source_ids"])
        flat += to_numpy([generation.ids, generation.log_probs, generation.weights])
    return flat


def main(folder):
    import keras

    # What a user has: the package, and Keras.
    import keras_attention  # noqa: F401

    failures = []
    for path in sorted(pathlib.Path(folder).glob("*.keras")):
        stored = np.load(path.with_suffix(".npz"), allow_pickle=True)
        inputs = stored["inputs"].item()["inputs"]
        try:
            got = outputs(keras.models.load_model(path), inputs)
            for index, array in enumerate(got):
                np.testing.assert_allclose(array, stored[str(index)], atol=1e-6)
        except Exception as error:
            failures.append(f"{path.stem}: {type(error).__name__}: {error}")
        else:
            print("loaded", path.stem)
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

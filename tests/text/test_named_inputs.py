"""Several inputs by their names: learned, predicted, saved, exported and served."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

import keras_attention as ka
import serving
from keras_attention.text import CharacterTokenizer, WordTokenizer
from serving.__main__ import main
from serving.server import Server, ServerOptions

pytestmark = pytest.mark.tensorflow_only

TEXTS = {
    "lemma": ["abba", "cab", "", "b"],
    "features": ["N;PL", "N", "PL;?", ""],
}
TARGETS = ["ab", "ca", "", "bb"]


def tokenizers():
    return {
        "lemma": CharacterTokenizer(["a", "b", "c"]),
        "features": WordTokenizer(["N", "PL"], split=";", separator=";"),
    }


def model(attention, cell=8, **options):
    keras.utils.set_random_seed(2)
    return ka.Seq2Seq(
        [ka.RecurrentEncoder(5), ka.RecurrentEncoder(4, "gru", num_layers=2)],
        ka.AttentionDecoder(keras.layers.LSTMCell(cell), attention),
        source_vocabulary_size=4 + 3 + 2,
        target_vocabulary_size=7,
        embedding_dim=6,
        **options,
    )


def flat():
    return ka.FlatAttention(ka.BahdanauAttention(7), 6)


def hierarchical():
    parts = [ka.BahdanauAttention(7), ka.LuongAttention()]
    return ka.HierarchicalAttention(parts, over=ka.BahdanauAttention(5), units=6)


@pytest.fixture(scope="module")
def pipeline():
    letters = CharacterTokenizer(["a", "b", "c"])
    return ka.TextToText(model(flat()), tokenizers(), letters)


@pytest.fixture(scope="module")
def target(pipeline, tmp_path_factory):
    base = tmp_path_factory.mktemp("models") / "forms"
    pipeline.export(base, max_beam_size=3)
    options = ServerOptions(host="127.0.0.1", port=0, threads=2, poll_seconds=0)
    with Server({"forms": base}, options) as running:
        yield f"127.0.0.1:{running.port}"


def test_tokens_of_all_inputs_are_one_sequence(pipeline):
    (first, *_, last) = pipeline.predict(TEXTS)
    tokens = [*"abba", "</s>", "N", "PL", "</s>"]
    assert first.source_tokens == tokens and last.source_tokens == [
        "b",
        *tokens[-1:] * 2,
    ]
    assert first.source_offsets[4:] == [(4, 4), (0, 1), (2, 4), (4, 4)]
    assert first.alignment.shape[1] == len(tokens)
    assert_allclose(first.alignment.sum(axis=1), 1, rtol=1e-5)
    ids = pipeline.encode(TEXTS)
    assert ids[0].tolist() == [4, 5, 5, 4, 2, 7, 8, 2]
    assert ids[2].tolist() == [2, 8, 3, 2]


@pytest.mark.parametrize("attention", [flat, hierarchical])
@pytest.mark.parametrize("sampling", [None, 0.5])
def test_an_input_is_read_as_if_alone(attention, sampling):
    """What stands in the other input moves its own encoder's part in no way."""
    made = model(attention(), scheduled_sampling=sampling, return_attention_scores=True)
    source = np.array([[4, 5, 2, 7, 8, 2], [4, 5, 2, 8, 2, 0]])
    target = np.array([[1, 4, 5], [1, 6, 0]])
    memory, _, mask = made.encode(source)
    assert np.asarray(mask).tolist() == (source != 0).tolist()
    parts = memory.parts if attention is hierarchical else None
    if parts is not None:
        keys = [np.asarray(part.values) for part in parts]
        assert_allclose(keys[0][0], keys[0][1], rtol=1e-5)
        assert np.abs(keys[1][0] - keys[1][1]).max() > 1e-3
    out = made({"source_ids": source, "target_ids": target})
    weights = np.asarray(out["weights"])
    assert weights.shape == (2, 3, 6)
    assert_allclose(weights[0].sum(-1), 1, rtol=1e-5)
    assert np.all(weights[1, :, 5] == 0)
    # One step equals all steps.
    scores = made.score(source[:1], np.array([[4, 5, 2]]))
    log_probs = np.asarray(keras.ops.log_softmax(out["logits"]))[0]
    expected = log_probs[np.arange(3), [4, 5, 2]]
    assert_allclose(np.asarray(scores.token_log_probs)[0], expected, rtol=1e-4)


def test_padding_of_other_rows_moves_nothing(pipeline):
    together = pipeline.predict(TEXTS)
    for row, one in enumerate(together):
        (alone,) = pipeline.predict({k: [v[row]] for k, v in TEXTS.items()})
        assert alone.text == one.text
        assert alone.log_prob == pytest.approx(one.log_prob, rel=1e-4)
        assert_allclose(alone.alignment, one.alignment, atol=1e-5)


@pytest.mark.slow
def test_learns_what_neither_input_says_alone():
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice([*"abc"], 3)) for _ in range(400)]
    pairs = [
        ({"lemma": word, "features": tag}, word[::-1] if tag == "PL" else word)
        for word, tag in zip(words, ["N", "PL"] * 200, strict=True)
    ]
    letters = CharacterTokenizer(["a", "b", "c"])
    made = ka.TextToText(model(flat(), cell=32), tokenizers(), letters)
    made.model.compile(keras.optimizers.Adam(0.02), ka.losses.MaskedCrossentropy())
    made.model.fit(
        made.dataset(pairs, batch_size=20), epochs=15, shuffle=False, verbose=0
    )
    asked = {"lemma": ["abc", "abc", "cca"], "features": ["N", "PL", "PL"]}
    assert [one.text for one in made.predict(asked)] == ["abc", "cba", "acc"]


def test_saved_and_loaded(pipeline, tmp_path):
    pipeline.save(tmp_path / "forms")
    loaded = ka.TextToText.load(tmp_path / "forms")
    assert loaded.input_names == ("lemma", "features")
    assert len(loaded.model.encoder) == 2
    for one, other in zip(pipeline.predict(TEXTS), loaded.predict(TEXTS), strict=True):
        assert one.text == other.text and one.log_prob == other.log_prob


def test_a_server_gives_the_same_answers(pipeline, target, capsys):
    here = pipeline.predict(TEXTS)
    with serving.Client(target, model="forms", timeout=60) as client:
        inputs = client.metadata().signatures["align"].inputs
        assert {*inputs} == {"lemma", "features"}
        assert [one.text for one in client.predict(TEXTS)] == [p.text for p in here]
        for one, other in zip(client.align(TEXTS), here, strict=True):
            assert one.source_tokens == other.source_tokens
            assert_allclose(one.alignment, other.alignment, atol=1e-5)
        several = client.n_best(TEXTS, {"beam_size": 3, "alternatives": 2})
        assert [len(row) for row in several] == [2] * 4
        scored = client.score(TEXTS, TARGETS)
        expected = [one.log_prob for one in pipeline.score(TEXTS, TARGETS)]
        assert_allclose([one.log_prob for one in scored], expected, rtol=1e-4)
        with pytest.raises(serving.errors.InvalidRequest, match="lemma|features"):
            client.predict(["abba"])
    words = [f"--server={target}", "--model=forms", "--columns=lemma,features"]
    assert main(["predict", *words, "abba\tN;PL", "cab\tN"]) == 0
    assert capsys.readouterr().out.splitlines() == [one.text for one in here[:2]]
    assert main(["score", *words, "abba\tN;PL", "ab"]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(expected[0], abs=1e-3)
    assert main(["predict", *words, "abba"]) == 1
    assert "Expected: ['lemma', 'features']. Received: ['abba']" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "texts, message",
    [
        (["a"], r"Expected: \['lemma', 'features'\]. Received: list"),
        ({"lemma": ["a"]}, r"Received: \['lemma'\]"),
        ({"lemma": ["a"], "features": []}, r"Received: {'lemma': 1, 'features': 0}"),
    ],
)
def test_other_inputs_are_refused(pipeline, texts, message):
    with pytest.raises(ValueError, match=message):
        pipeline.predict(texts)


def test_other_tokenizers_are_refused(pipeline):
    letters = CharacterTokenizer(["a", "b", "c"])
    made = pipeline.model
    for given, message in (
        (tokenizers() | {"lemma": CharacterTokenizer(["a"])}, "Received: 7"),
        ({"beam_size": letters}, "Received: 'beam_size'"),
        ({}, "Received: ''"),
        (CharacterTokenizer([*"abcde"]), r"Expected: 2. Received: \['text'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            ka.TextToText(made, given, letters)
    with pytest.raises(ValueError, match="Received: 'abc' at 0"):
        pipeline.dataset([("abc", "a")])

"""Options of every kind over gRPC: the answers of this process, row by row."""

from dataclasses import fields

import numpy as np
import pytest

import keras_attention as ka
import serving
from tests.export.conftest import TEXTS

pytestmark = pytest.mark.tensorflow_only

LISTS = ("banned_tokens", "prefix")
# What each text is asked with; all of them in one batch.
CHOICES = [
    {},
    {"beam_size": 4},
    {"beam_size": 5, "length_penalty": 1.0, "coverage_penalty": 0.2, "max_length": 9},
    {"sample": True, "seed": 7, "top_k": 5, "temperature": 0.8, "max_length": 6},
    {"min_length": 5, "max_length": 8, "word_bonus": -0.5, "beam_size": 2},
    {"banned_tokens": ["s", "t", " "], "max_length_ratio": 1.5},
    {"prefix": ["d", " ", "r", "<unk>"], "beam_size": 3, "length_power": 1.0},
    {"repetition_penalty": 2.0, "no_repeat_ngram": 2, "beam_size": 10},
    {"beam_size": 4, "beam_groups": 2, "diversity_penalty": 0.7, "max_length": 7},
    {"prefix": ["s", "</s>"]},
    {"sample": True, "seed": -3, "top_p": 0.9, "max_length": 9, "max_length_ratio": 2},
]
ROWS = [TEXTS[row % len(TEXTS)] for row in range(len(CHOICES))]


def option(name, choice):
    default = getattr(ka.GenerationOptions(), name)
    if name in LISTS:
        return " ".join("\u2581" if t == " " else t for t in choice.get(name, []))
    return choice.get(name, 0 if default is None else default)


def columns(choices=CHOICES, leave_out=("alternatives",)):
    """The choices as a client sends them, one value for each row."""
    names = {field.name for field in fields(ka.GenerationOptions)} - set(leave_out)
    return {name: [option(name, choice) for choice in choices] for name in names}


def here(pipeline, text, choice, **more):
    """The answer of this process, alone."""
    ids = {
        name: pipeline.target_tokenizer.ids(tokens).numpy().tolist()
        for name, tokens in choice.items()
        if name in LISTS
    }
    options = ka.GenerationOptions(**choice | ids | more)
    (prediction,) = pipeline.predict([text], options)
    return prediction


@pytest.fixture(scope="module")
def expected(pipeline):
    return [
        here(pipeline, text, choice) for text, choice in zip(ROWS, CHOICES, strict=True)
    ]


def same(answers, expected):
    assert [answer.text for answer in answers] == [p.text for p in expected]
    np.testing.assert_allclose(
        [answer.log_prob for answer in answers],
        [p.log_prob for p in expected],
        rtol=1e-5,
    )


def test_rows_with_options_of_their_own_share_a_batch(client, expected):
    same(client.predict(ROWS, columns()), expected)
    assert len({p.text for p in expected}) > 6, "the options do something"


def test_alignments_too(client, expected):
    answers = client.align(ROWS, columns())
    same(answers, expected)
    for answer, wanted in zip(answers, expected, strict=True):
        assert answer.tokens == wanted.tokens
        assert answer.source_tokens == wanted.source_tokens
        assert answer.source_offsets == wanted.source_offsets
        np.testing.assert_allclose(answer.alignment, wanted.alignment, atol=1e-5)


def test_pipelines_take_rows_of_their_own_too(pipeline, expected):
    options = columns()
    for name in LISTS:
        lists = [choice.get(name, []) for choice in CHOICES]
        ids = [pipeline.target_tokenizer.ids(tokens).numpy() for tokens in lists]
        options[name] = [row.tolist() for row in ids]
    for name in ("max_length", "max_length_ratio"):
        options[name] = np.array(options[name])
    # None cannot stand in an array: rows without a limit are asked by themselves.
    limited = [row for row, choice in enumerate(CHOICES) if "max_length" in choice]
    chosen = {
        name: [values[row] for row in limited]
        for name, values in options.items()
        if name != "max_length_ratio"
    }
    answers = pipeline.predict(
        [ROWS[row] for row in limited], ka.GenerationOptions(**chosen), batch_size=2
    )
    wanted = [
        here(
            pipeline,
            ROWS[row],
            {k: v for k, v in CHOICES[row].items() if k != "max_length_ratio"},
        )
        for row in limited
    ]
    same(answers, wanted)


def test_a_served_row_alone_answers_the_same(client, expected):
    for row, choice in enumerate(CHOICES):
        options = {name: option(name, choice) for name in choice}
        same(client.predict(ROWS[row : row + 1], options), expected[row : row + 1])


def test_defaults_are_those_of_serving_default(client, pipeline):
    plain = client.predict(TEXTS)
    same(client.predict(TEXTS, {}), plain)
    same(client.align(TEXTS), plain)
    same(pipeline.predict(TEXTS), plain)
    # What a client that sends the text alone gets: one row of defaults for all.
    found = client.call({"text": TEXTS}, "predict_with_options")
    assert found["text"].tolist() == [answer.text for answer in plain]


def test_one_row_of_an_option_is_for_all(client):
    one = client.call({"text": TEXTS, "max_length": [3]}, "predict_with_options")
    all_rows = client.predict(TEXTS, {"max_length": 3})
    assert one["text"].tolist() == [answer.text for answer in all_rows]


@pytest.mark.parametrize("batch", [0, 1, 64])
def test_batches(client, batch):
    texts = (TEXTS * 10)[:batch]
    options = {"beam_size": 3, "prefix": "s", "banned_tokens": "t"}
    answers = client.predict(texts, options)
    assert len(answers) == len(client.align(texts, options)) == batch
    assert all(answer.text.startswith("s") for answer in answers)
    assert client.n_best([]) == []


def test_n_best(client, pipeline):
    choices = [{}, {"beam_size": 4}, {"beam_size": 6, "length_penalty": 0.6}]
    texts = TEXTS[:3]
    counts = [10, 2, 6]
    options = columns([{"beam_size": 10} | c for c in choices])
    found = client.n_best(texts, options | {"alternatives": counts})
    assert [len(row) for row in found] == counts
    for text, choice, count, row in zip(texts, choices, counts, found, strict=True):
        choice = {"beam_size": 10, "alternatives": count} | choice
        wanted = here(pipeline, text, choice)
        same(row, [wanted, *wanted.alternatives])
        assert [p.log_prob for p in row] == sorted(
            (p.log_prob for p in row), reverse=True
        ) or "length_penalty" in choice
    # By default all that the beam has.
    same(client.n_best(texts[:1])[0], found[0])
    assert [len(row) for row in client.n_best(texts, {"beam_size": 4})] == [4] * 3


def test_unused_places(client):
    inputs = {"text": ["star"], "alternatives": [2], "beam_size": [3]}
    found = client.call(inputs, "n_best_with_options")
    assert found["text"].shape == found["log_prob"].shape == (1, 10)
    assert found["text"][0, 2:].tolist() == [""] * 8
    assert np.all(found["log_prob"][0, 2:] == np.finfo(np.float32).min)
    assert np.all(found["log_prob"][0, :2] > -1e3)


def test_samples_are_as_many_as_asked_for(client, pipeline):
    options = {"sample": True, "seed": [1, 2], "max_length": 5, "beam_size": 1}
    found = client.n_best(["star", "drawer"], options | {"alternatives": 4})
    for seed, text, row in zip([1, 2], ["star", "drawer"], found, strict=True):
        choice = {"sample": True, "seed": seed, "max_length": 5, "alternatives": 4}
        wanted = here(pipeline, text, choice)
        same(row, [wanted, *wanted.alternatives])
    assert [len(row) for row in client.n_best(["star"], {"sample": True})] == [10]


def test_alternatives_here(pipeline):
    options = ka.GenerationOptions(beam_size=[12, 3], alternatives=[11, 1])
    many, one = pipeline.predict(["star", "drawer"], options)
    assert len(many.alternatives) == 10 and one.alternatives == ()
    texts = [many.text, *(other.text for other in many.alternatives)]
    for other in many.alternatives:
        assert other.source_offsets == many.source_offsets
        assert other.alignment.shape == (len(other.tokens), len(many.source_tokens))
        assert other.alternatives == () and other.log_prob <= many.log_prob
    assert len(texts) == 11


def test_scores(client, pipeline):
    targets = ["star", "", "x drawer", "star", "d", "rats", "s" * 2000]
    found = client.score(TEXTS, targets)
    for one, other, text, target in zip(
        found, pipeline.score(TEXTS, targets, batch_size=3), TEXTS, targets, strict=True
    ):
        assert one.tokens == other.tokens and one.tokens[-1] == "</s>"
        assert one.log_prob == pytest.approx(other.log_prob, rel=1e-5)
        assert one.source_offsets == other.source_offsets
        np.testing.assert_allclose(
            one.token_log_probs, other.token_log_probs, rtol=1e-4
        )
        np.testing.assert_allclose(one.alignment, other.alignment, atol=1e-5)
        assert one.log_prob == pytest.approx(one.token_log_probs.sum(), rel=1e-4)
        if len(target) < 100:
            prefix = [*target.replace("x", "?").replace("?", "\0"), "</s>"]
            prefix = ["<unk>" if token == "\0" else token for token in prefix]
            forced = here(pipeline, text, {"prefix": prefix, "max_length": 20})
            assert forced.tokens == one.tokens
            assert forced.log_prob == pytest.approx(one.log_prob, rel=1e-5)
    assert client.score([], []) == []
    with pytest.raises(
        serving.errors.InvalidRequest,
        match="`target_text` must have one value .* Expected: 2 rows. Received: 1",
    ):
        client.call({"text": ["a", "b"], "target_text": ["a"]}, "score")

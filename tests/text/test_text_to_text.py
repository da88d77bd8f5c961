"""A model with its tokenizers: answers, their order, files."""

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_attention as ka
from keras_attention.text import CharacterTokenizer, WordTokenizer
from tests.text.texts import AWKWARD

pytestmark = pytest.mark.tensorflow_only

TEXTS = ["star", "", "stressed desserts", "a", "\u0065\u0301", "??", "rats star"]


def make_model(source, target, attention=None, **arguments):
    return ka.Seq2Seq(
        ka.RecurrentEncoder(6, cell="gru"),
        ka.AttentionDecoder(
            keras.layers.LSTMCell(12), attention or ka.BahdanauAttention(8)
        ),
        source_vocabulary_size=source.vocabulary_size,
        target_vocabulary_size=target.vocabulary_size,
        embedding_dim=5,
        **arguments,
    )


@pytest.fixture(scope="module")
def pipeline():
    keras.utils.set_random_seed(3)
    letters = CharacterTokenizer.from_texts(["desserts star"], max_length=30)
    phones = WordTokenizer(["S", "T", "AA1", "R"], split="whitespace")
    model = make_model(letters, phones)
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(random.normal(size=weight.shape))
    return ka.TextToText(model, letters, phones)


def assert_same(one, other, exactly=False):
    for field in ("text", "tokens", "source_tokens", "source_offsets"):
        assert getattr(one, field) == getattr(other, field)
    tolerance = {"rtol": 0, "atol": 0} if exactly else {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(one.log_prob, other.log_prob, **tolerance)
    np.testing.assert_allclose(one.alignment, other.alignment, **tolerance)


def test_answers_belong_to_their_texts_whatever_the_batch(pipeline):
    together = pipeline.predict(TEXTS)
    assert len({(p.text, p.log_prob) for p in together}) > 3
    for text, prediction in zip(TEXTS, together, strict=True):
        assert_same(pipeline.predict([text])[0], prediction)
    for one, other in zip(pipeline.predict(TEXTS, batch_size=2), together, strict=True):
        assert_same(one, other)
    backwards = pipeline.predict(TEXTS[::-1], batch_size=3)
    for one, other in zip(backwards[::-1], together, strict=True):
        assert_same(one, other)


def test_what_an_answer_holds(pipeline):
    texts = ["e\u0301 star", "rats"]
    for text, prediction in zip(texts, pipeline.predict(texts), strict=True):
        tokens, source = prediction.tokens, prediction.source_tokens
        assert prediction.alignment.shape == (len(tokens), len(source))
        np.testing.assert_allclose(prediction.alignment.sum(-1), 1, rtol=1e-5)
        assert source[-1] == "</s>" and "" not in [*tokens, *source]
        shown = [token for token in tokens if token not in ("<s>", "</s>")]
        shown = ["\ufffd" if token == "<unk>" else token for token in shown]
        assert prediction.text == " ".join(shown)
        assert prediction.log_prob < 0
        data = text.encode()
        assert b"".join(data[s:e] for s, e in prediction.source_offsets) == data
    first = pipeline.predict(texts)[0]
    assert first.source_tokens[0] == "é" and first.source_offsets[0] == (0, 3)


def test_alignment_is_the_mean_over_heads():
    letters = CharacterTokenizer(["a", "b"])
    model = make_model(letters, letters, ka.BahdanauAttention(8, num_heads=2))
    pipeline = ka.TextToText(model, letters, letters)
    (prediction,) = pipeline.predict(["ab"])
    weights = np.array(model.generate(letters.tokenize(["ab"])).weights)
    assert weights.shape[1] == 2
    np.testing.assert_allclose(prediction.alignment, weights[0].mean(0), atol=1e-6)


def test_any_text_has_an_answer(pipeline):
    texts = [*AWKWARD, "\ud800 lone", b"s" * 200_000]
    predictions = pipeline.predict(texts)
    assert len(predictions) == len(texts)
    for prediction in predictions:
        assert isinstance(prediction.text, str)
        assert 1 <= len(prediction.source_tokens) <= 30
        assert np.isfinite(prediction.log_prob)
        assert np.isfinite(prediction.alignment).all()
    assert pipeline.predict([]) == []


def test_options(pipeline):
    short = pipeline.predict(TEXTS, ka.GenerationOptions(max_length=2))
    assert max(len(prediction.tokens) for prediction in short) <= 2
    limits = [1, 2, 3, 4, 3, 2, 1]
    for values in (limits, np.array(limits)):
        options = ka.GenerationOptions(max_length=values)
        each = pipeline.predict(TEXTS, options, batch_size=2)
        whole = pipeline.predict(TEXTS)
        for one, full, limit in zip(each, whole, limits, strict=True):
            assert one.tokens == full.tokens[:limit]


def test_wrong_arguments_of_predict(pipeline):
    for text in ("star", b"star"):
        with pytest.raises(TypeError, match=r"write \[text\]"):
            pipeline.predict(text)
    with pytest.raises(TypeError, match="Received: 3 at 1"):
        pipeline.predict(["a", 3])
    with pytest.raises(ValueError, match="batch_size=0"):
        pipeline.predict(["a"], batch_size=0)
    with pytest.raises(ValueError, match="`max_length`.*Expected: 2 rows. Received: 3"):
        pipeline.predict(["a", "b"], ka.GenerationOptions(max_length=[1, 2, 3]))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"banned_tokens": [8]}, "`banned_tokens` must hold ids below 8. Received: 8"),
        ({"prefix": [[4], [4, 99]]}, "`prefix` must .* below 8. Received: 99 in row 1"),
        ({"prefix": [4, 0]}, "`prefix`.*padding"),
        ({"prefix": [[4], [2, 4]]}, "`prefix`.*after the end.*row 1"),
        ({"prefix": [[4], [5], [6]]}, "`prefix`.*Expected: 2 rows. Received: 3"),
        ({"beam_size": [1, 2, 3]}, "`beam_size`.*Expected: 2 rows. Received: 3"),
    ],
)
def test_options_that_do_not_fit(pipeline, options, message):
    with pytest.raises(ValueError, match=message):
        pipeline.predict(["a", "b"], ka.GenerationOptions(**options))


def test_every_option(pipeline):
    model, letters = pipeline.model, pipeline.source_tokenizer
    options = {
        "beam_size": [3, 5, 4],
        "length_penalty": 0.8,
        "max_length": [9, 7, 8],
        "alternatives": 2,
        "banned_tokens": [[], [4, 5], [6]],
        "prefix": [[5], [], [7, 4]],
    }
    texts = ["star", "", "rats star"]
    found = pipeline.predict(texts, ka.GenerationOptions(**options), batch_size=2)
    wanted = model.generate(letters.tokenize(texts), ka.GenerationOptions(**options))
    for row, prediction in enumerate(found):
        answers = [prediction, *prediction.alternatives]
        assert len(answers) == 2
        for place, answer in enumerate(answers):
            ids = pipeline.target_tokenizer.ids(answer.tokens).numpy()
            length = int(wanted.lengths[row, place])
            assert ids.tolist() == wanted.ids[row, place, :length].numpy().tolist()
            np.testing.assert_allclose(
                answer.log_prob, wanted.log_probs[row, place], rtol=1e-5
            )
            np.testing.assert_allclose(
                answer.alignment,
                wanted.weights[row, place, :length, : len(answer.source_tokens)],
                atol=1e-5,
            )


def test_scores_are_those_of_the_answers(pipeline):
    prefix = [[4 + row % 4, 7, 2][row % 3 :] for row in range(len(TEXTS))]
    found = pipeline.predict(TEXTS, ka.GenerationOptions(prefix=prefix))
    scores = pipeline.score(TEXTS, [p.text for p in found], batch_size=2)
    for score, prediction in zip(scores, found, strict=True):
        assert score.tokens == prediction.tokens
        assert score.source_tokens == prediction.source_tokens
        assert score.source_offsets == prediction.source_offsets
        np.testing.assert_allclose(score.log_prob, prediction.log_prob, rtol=1e-5)
        np.testing.assert_allclose(score.alignment, prediction.alignment, atol=1e-5)
        np.testing.assert_allclose(
            score.token_log_probs.sum(), prediction.log_prob, rtol=1e-5
        )
    assert pipeline.score([], []) == []


def test_wrong_arguments_of_score(pipeline):
    with pytest.raises(ValueError, match="`target_texts`.*Expected: 2. Received: 1"):
        pipeline.score(["a", "b"], ["a"])
    with pytest.raises(TypeError, match=r"`target_texts`.*write \[text\]"):
        pipeline.score(["a"], "a")
    with pytest.raises(ValueError, match="batch_size=0"):
        pipeline.score(["a"], ["a"], batch_size=0)


LEXICON = {"x": "EX", "z": ""}


@pytest.fixture(scope="module")
def copying(pipeline):
    """A model that says unknown, a word, unknown, ... whatever it is asked."""
    model = ka.Seq2Seq.from_config(pipeline.model.get_config())
    for weight, value in zip(model.weights, pipeline.model.weights, strict=True):
        weight.assign(value)
    bias = np.full(8, -50.0)
    bias[3], bias[2] = 50.0, 49.0
    model.output_layer.bias.assign(bias)
    return model


@pytest.mark.parametrize("replace_unknown", [False, True, LEXICON])
def test_unknown_words(pipeline, copying, replace_unknown, tmp_path):
    letters, phones = pipeline.source_tokenizer, pipeline.target_tokenizer
    made = ka.TextToText(copying, letters, phones, replace_unknown=replace_unknown)
    texts = ["xyz star", "z", "", "xx"]
    options = ka.GenerationOptions(max_length=4, prefix=[[3, 4], [3], [3], [5, 3, 3]])
    found = made.predict(texts, options, batch_size=3)
    lexicon = LEXICON if replace_unknown is LEXICON else {}
    for text, prediction in zip(texts, found, strict=True):
        words = []
        for token, weights in zip(prediction.tokens, prediction.alignment, strict=True):
            if token == "</s>":
                break
            best = weights[:-1].argmax() if text else None
            if token != "<unk>":
                words.append(token)
            elif not replace_unknown or not text:
                words.append("\ufffd")
            else:
                words.append(lexicon.get(text[best], text[best]))
        assert prediction.text == " ".join(word for word in words if word)
        assert "<unk>" in prediction.tokens
    assert ("\ufffd" in found[0].text) == (replace_unknown is False)
    made.save(tmp_path / "model")
    again = ka.TextToText.load(tmp_path / "model").predict(texts, options)
    assert [p.text for p in again] == [p.text for p in found]


@pytest.mark.parametrize("wrong", [1, None, "yes", ["a"], {"a": 1}])
def test_what_is_no_replacement(pipeline, wrong):
    model, letters = pipeline.model, pipeline.source_tokenizer
    with pytest.raises(TypeError, match="Received"):
        ka.TextToText(model, letters, pipeline.target_tokenizer, replace_unknown=wrong)


def test_wrong_parts(pipeline):
    model, letters = pipeline.model, pipeline.source_tokenizer
    with pytest.raises(ValueError, match="`target_tokenizer`.*8. Received"):
        ka.TextToText(model, letters, letters)
    other = make_model(letters, letters, pad_id=1, start_id=0)
    with pytest.raises(ValueError, match=r"\(0, 1, 2\). Received: \(1, 0, 2\)"):
        ka.TextToText(other, letters, letters)


def test_dataset_is_for_fit(pipeline):
    dataset = pipeline.dataset([("star", "S T"), ("a", "R")], shuffle=False)
    ((inputs, labels),) = dataset.as_numpy_iterator()
    letters = pipeline.source_tokenizer
    assert (
        inputs["source_ids"].tolist()
        == letters.tokenize(["a", "star"]).numpy().tolist()
    )
    assert inputs["target_ids"].tolist() == [[1, 7, 0], [1, 4, 5]]
    assert labels.tolist() == [[7, 2, 0], [4, 5, 2]]


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ValueError, "`pairs` must hold a pair at least. Received: none"),
        (["ab", "cd"], ValueError, "`pairs` must hold pairs.*Received: 'ab' at 0"),
        ("ab", ValueError, "`pairs` must hold pairs.*Received: 'a' at 0"),
        ([("a", "R"), ("a",)], ValueError, r"Received: \('a',\) at 1"),
        ([("a", "b", "c")], ValueError, "`pairs` must hold pairs"),
        ([3], ValueError, "Received: 3 at 0"),
        ([("a", 3)], TypeError, "must hold strings. Received: 3 at 0"),
    ],
)
def test_what_is_no_list_of_pairs(pipeline, pairs, error, message):
    with pytest.raises(error, match=message):
        pipeline.dataset(pairs)


@pytest.mark.parametrize("path", ["gs://b/model", Path("s3://b/model"), "hdfs://h/m"])
def test_paths_of_other_machines(pipeline, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = "must be a path of this machine's file system.*Received: "
    with pytest.raises(ValueError, match=f"`path` {message}path="):
        pipeline.save(path)
    with pytest.raises(ValueError, match=f"`path` {message}path="):
        ka.TextToText.load(path)
    with pytest.raises(ValueError, match=f"`model_base_path` {message}"):
        pipeline.export(path)
    with pytest.raises(ValueError, match=f"`path` {message}path="):
        ka.Shortlist.load(path)
    assert not any(tmp_path.iterdir())


def test_a_file_that_is_open(pipeline, tmp_path):
    pipeline.save(tmp_path / "model")
    with open(tmp_path / "model", "rb") as file:
        loaded = ka.TextToText.load(file)
    assert loaded.predict(["a"])[0].text == pipeline.predict(["a"])[0].text


def test_a_fresh_process_gives_the_same_answers(pipeline, tmp_path):
    path = tmp_path / "new" / "model.keras_attention"
    pipeline.save(path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    program = textwrap.dedent(f"""
        import json, sys
        import keras_attention as ka

        pipeline = ka.TextToText.load({str(path)!r})
        print(json.dumps([
            [p.text, p.log_prob, p.tokens, p.source_tokens, p.source_offsets,
             p.alignment.tolist()]
            for p in pipeline.predict(json.loads(sys.stdin.read()))
        ]))
    """)
    finished = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(TEXTS),
        cwd=Path(__file__).parents[2],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert finished.returncode == 0, finished.stderr
    answers = json.loads(finished.stdout.splitlines()[-1])
    for answer, wanted in zip(answers, pipeline.predict(TEXTS), strict=True):
        text, log_prob, tokens, source_tokens, offsets, alignment = answer
        loaded = ka.Prediction(
            text,
            log_prob,
            tokens,
            source_tokens,
            [tuple(span) for span in offsets],
            np.array(alignment, "float32"),
        )
        assert_same(loaded, wanted, exactly=True)


def test_the_optimizer_is_saved_too(tmp_path):
    letters = CharacterTokenizer(["a", "b"])
    model = make_model(letters, letters)
    model.compile("adam", loss=ka.losses.MaskedCrossentropy())
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(7)
    ka.TextToText(model, letters, letters).save(tmp_path / "model")
    loaded = ka.TextToText.load(tmp_path / "model").model
    assert int(loaded.optimizer.iterations) == 7
    assert isinstance(loaded.loss, ka.losses.MaskedCrossentropy)
    assert not ka.TextToText.load(tmp_path / "model", compile=False).model.compiled


def test_saving_replaces_a_file(pipeline, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"something else")
    pipeline.save(path)
    loaded = ka.TextToText.load(path, compile=False)
    config = pipeline.source_tokenizer.get_config()
    assert loaded.source_tokenizer.get_config() == config
    assert isinstance(loaded.target_tokenizer, WordTokenizer)


def test_files_that_are_something_else(pipeline, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="written by TextToText.save"):
        ka.TextToText.load(path)
    pipeline.model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="written by TextToText.save"):
        ka.TextToText.load(tmp_path / "model.keras")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.keras", b"")
        archive.writestr("tokenizers.json", json.dumps({"format": 2}))
    with pytest.raises(ValueError, match="format 1"):
        ka.TextToText.load(path)
    with pytest.raises(FileNotFoundError):
        ka.TextToText.load(tmp_path / "missing")

"""Recipes of models with another form: trained, kept, loaded and exported."""

import numpy as np
import pytest
import tensorflow as tf

import keras_attention as ka
from keras_attention.__main__ import main
from keras_attention.pipeline.option_inputs import option_inputs
from keras_attention.recipes import Data, recipe_for, train, with_settings
from keras_attention.recipes.recipe import as_toml, read_recipe
from keras_attention.recipes.training import MODEL
from keras_attention.text_to_text import TextToText
from tests.recipes.test_training import PAIRS, TINY

pytestmark = pytest.mark.tensorflow_only

HARD = [
    'output={class="MarginalAttention", units=8, order=1, monotonic=true}',
    'decoder.attention={class="FixedContext"}',
    'decoder.readout="none"',
    "decoder.input_feeding=false",
]
FORMS = {"hard attention": HARD, "pointer": ['output={class="PointerGenerator"}']}
FEATURES = [
    (f"{source}\tN;{'PL' if i % 2 else 'SG'}", target)
    for i, (source, target) in enumerate(PAIRS)
]
TINY_FEATURES = [
    *("encoder.units=8", "features_encoder.units=4", "decoder.cell.units=8"),
    *("decoder.attention.units=8", "decoder.attention.attention.units=4"),
    *("model.embedding_dim=4", "training.epochs=1"),
]


@pytest.mark.parametrize("name", FORMS)
def test_an_output_that_looks_at_the_source(name, tmp_path):
    settings = [s for s in TINY if name == "pointer" or "attention" not in s]
    recipe = with_settings(
        recipe_for(PAIRS), [*settings, *FORMS[name], "training.epochs=2"]
    )
    said = []
    train(PAIRS, recipe=recipe, output=tmp_path / "run", say=said.append)
    first, second = (float(x.split()[3]) for x in said if x.startswith("epoch"))
    assert second < first
    pipeline = TextToText.load(tmp_path / "run" / MODEL)
    here = pipeline.predict(["abc", "d"], ka.GenerationOptions(beam_size=2))
    version = pipeline.export(tmp_path / "served", max_beam_size=2)
    signatures = tf.saved_model.load(str(version)).signatures
    answer = signatures["align_with_options"](
        text=tf.constant(["abc", "d"]),
        **_defaults(signatures["align_with_options"], beam_size=2),
    )
    assert answer["text"].numpy().tolist() == [one.text.encode() for one in here]
    for row, one in enumerate(here):
        alignment = answer["alignment"].numpy()[row]
        t, s = one.alignment.shape
        np.testing.assert_allclose(alignment[:t, :s], one.alignment, atol=1e-5)
        np.testing.assert_allclose(one.alignment.sum(axis=1), 1, atol=1e-4)


def _defaults(signature, **given):
    inputs = option_inputs(2)
    return {
        name: tf.constant(
            inputs[name]._replace(default=given.get(name, inputs[name].default)).array()
        )
        for name in signature.structured_input_signature[1]
        if name in inputs
    }


def test_features_with_an_encoder_of_their_own(tmp_path, capsys):
    lines = [
        "\t".join((*source.split("\t"), target)) + "\n" for source, target in FEATURES
    ]
    (tmp_path / "forms.tsv").write_text("".join(lines))
    model = tmp_path / "model"
    words = ["train", str(tmp_path / "forms.tsv"), "--target=2", "--features=1"]
    words += ["--features-encoder", f"--output={model}"]
    assert main(words + [f"--set={size}" for size in TINY_FEATURES]) == 0
    recipe = read_recipe(model / "recipe.toml")
    assert recipe.features_tokenizer == {"class": "WordTokenizer", "split": ";"}
    pipeline = TextToText.load(model / MODEL)
    assert pipeline.input_names == ("text", "features")
    (answer,) = pipeline.predict({"text": ["abc"], "features": ["N;PL"]})
    assert answer.source_tokens == [*"abc", "</s>", "N", "PL", "</s>"]
    capsys.readouterr()

    (tmp_path / "asked").write_text("abc\tN;PL\n")
    assert main(["predict", str(model), str(tmp_path / "asked")]) == 0
    assert capsys.readouterr().out == answer.text + "\n"
    assert main(["evaluate", str(model)]) == 0
    assert "WER" in capsys.readouterr().out
    (tmp_path / "asked").write_text("abc\n")
    assert main(["predict", str(model), str(tmp_path / "asked")]) == 1
    assert "Expected: ['text', 'features']. Received: ['abc']" in (
        capsys.readouterr().err
    )


def test_a_recipe_of_several_inputs_is_read_as_it_was_written(tmp_path):
    recipe = recipe_for(FEATURES, Data(features=1, target=2), features_encoder=True)
    (tmp_path / "recipe.toml").write_text(as_toml(recipe))
    assert read_recipe(tmp_path / "recipe.toml") == recipe
    with pytest.raises(ValueError, match="needs `data.features`"):
        recipe_for(FEATURES, features_encoder=True)
    lone = with_settings(recipe_for(FEATURES), ["features_encoder.units=4"])
    with pytest.raises(ValueError, match=r"\[features_tokenizer\]: expected a table"):
        train(FEATURES, recipe=lone)


def test_a_run_does_not_go_on_with_another_tokenizer_of_features(tmp_path):
    def stop(line):
        if line.startswith("epoch   1"):
            raise KeyboardInterrupt

    recipe = recipe_for(FEATURES, Data(features=1, target=2), features_encoder=True)
    recipe = with_settings(recipe, TINY_FEATURES)
    with pytest.raises(KeyboardInterrupt):
        train(FEATURES, recipe=recipe, output=tmp_path, say=stop)
    # As many symbols, but others.
    other = with_settings(recipe, ["features_tokenizer.lowercase=true"])
    with pytest.raises(ValueError, match="tokenizers as in its recipe"):
        train(FEATURES, recipe=other, output=tmp_path, resume=True)

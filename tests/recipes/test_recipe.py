"""The recipe as a file: read as written, and what it does not know is named."""

import pytest

from keras_attention.recipes import read_recipe, recipe_for, with_settings
from keras_attention.recipes.parts import pipeline
from keras_attention.recipes.recipe import as_toml
from keras_attention.text import Pair

pytestmark = pytest.mark.tensorflow_only

PAIRS = [Pair("ab", "A B"), Pair("ba", "B A"), Pair("cab", "C A B")]


def test_a_recipe_is_read_as_it_was_written(tmp_path):
    recipe = recipe_for(PAIRS)
    path = tmp_path / "recipe.toml"
    path.write_text(as_toml(recipe), "utf-8")
    assert read_recipe(path) == recipe


def test_the_kind_of_text_decides_on_the_tokenizers():
    recipe = recipe_for(PAIRS)
    assert recipe.source_tokenizer["class"] == "CharacterTokenizer"
    assert recipe.target_tokenizer == {"class": "WordTokenizer", "split": "whitespace"}


def test_sentences_are_cut_into_subwords():
    words = [f"{first}{last}" for first in "bcdfghklmn" for last in ("an", "olo", "i")]
    sources = [" ".join(words[place:] + words[:place]) for place in range(30)]
    pairs = [Pair(f"{source}!", source.title()) for source in sources for _ in range(2)]
    pairs += [Pair(f"{place} x {place}", f"{place} y") for place in range(200)]
    recipe = with_settings(recipe_for(pairs), ["source_tokenizer.max_size=80"])
    assert recipe.target_tokenizer == {"class": "SubwordTokenizer", "max_size": 8_000}
    assert recipe.training.metric == "bleu"
    made = pipeline(recipe, pairs)
    assert made.source_tokenizer.vocabulary_size == 80
    ids = made.source_tokenizer.tokenize([pairs[0].source])
    written = made.source_tokenizer.detokenize(ids).numpy()[0].decode()
    assert written == pairs[0].source


def test_settings_replace_values():
    recipe = with_settings(
        recipe_for(PAIRS),
        ["training.epochs=3", "training.metric=per", "decoder.attention.units=4"],
    )
    assert (recipe.training.epochs, recipe.training.metric) == (3, "per")
    assert recipe.decoder["attention"]["units"] == 4


def test_tables_are_arguments_of_constructors():
    settings = [
        "encoder.units=4",
        "encoder.num_layers=2",
        'decoder.cell={class="StackedRNNCells", cells=[{class="GRUCell", units=4}, '
        '{class="GRUCell", units=4}]}',
        'decoder.attention={class="Attention", score="general", alignment="sparsemax"}',
        'decoder.readout="attentional"',
        "model.embedding_dim=4",
    ]
    made = pipeline(with_settings(recipe_for(PAIRS), settings), PAIRS)
    assert made.model.encoder.num_layers == 2
    assert type(made.model.decoder.attention.alignment).__name__ == "SparsemaxAlignment"
    assert made.predict(["ab"])[0].source_tokens == ["a", "b", "</s>"]


@pytest.mark.parametrize(
    "setting, words",
    [
        ("training.epoch=3", "unknown field `epoch`.*Did you mean 'epochs'"),
        ("trainin={}", "unknown field `trainin`.*Did you mean 'training'"),
        ("training.epochs=many", "Expected `int`, got `str`"),
        ("training.metric=werr", "Invalid enum value 'werr'"),
        ("training", "A setting must be a key and a value"),
        ("training.epochs.x=1", "'epochs' is a value, not a table"),
    ],
)
def test_an_unknown_setting_is_named(setting, words):
    with pytest.raises(ValueError, match=words):
        with_settings(recipe_for(PAIRS), [setting])


@pytest.mark.parametrize(
    "setting, words",
    [
        ("encoder.unit=4", "RecurrentEncoder has no argument 'unit'.*'units'"),
        ("decoder.cell.class=LSTM_Cell", "received 'LSTM_Cell'.*'LSTMCell'"),
        ("decoder.cell={units=4}", r"\[decoder.cell\]: expected `class`"),
        ("decoder.cell={class='GRUCell'}", r"GRUCell needs \['units'\]"),
        ("output={class='Dense', units=8}", r"\[output\] class: expected one of"),
        ("source_tokenizer.class=Characters", "received 'Characters'"),
        ("source_tokenizer.lower=true", "no argument 'lower'.*'lowercase'"),
        ("model.source_vocabulary_size=3", "no argument 'source_vocabulary_size'"),
    ],
)
def test_an_unknown_argument_is_named(setting, words):
    with pytest.raises(ValueError, match=words):
        pipeline(with_settings(recipe_for(PAIRS), [setting]), PAIRS)


def test_a_file_that_is_no_toml(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[training\n")
    with pytest.raises(ValueError, match="recipe.toml: expected TOML, received"):
        read_recipe(path)

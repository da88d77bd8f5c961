"""Files of pairs as people have them, and development sets."""

import io

import pytest

from keras_attention.recipes import Data, recipe_for, training_pairs, with_settings
from keras_attention.recipes.parts import pipeline
from keras_attention.text import Pair

pytestmark = pytest.mark.tensorflow_only


def read(tmp_path, text, **data):
    path = tmp_path / "pairs"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return training_pairs.read(Data(**data), [path])


def test_columns_by_number_and_name(tmp_path):
    text = "\ufeffword\tpos\tphones\r\ncat\tN\tK AE T\r\n\r\n".encode()
    expected = [Pair("cat", "K AE T")]
    assert read(tmp_path, text, source="word", target="phones") == expected
    assert read(tmp_path, text, source=0, target=2)[1:] == expected


def test_a_lexicon_as_cmudict_writes_it(tmp_path):
    text = (
        ";;; comment\n\nREAD  R EH1 D\nREAD(1)  R IY1 D\n"
        "aalborg AO1 L B AO0 R G # place, danish\ntwo\tT UW\tT AH\n"
    )
    assert read(tmp_path, text, format="lexicon") == [
        Pair("READ", "R EH1 D"),
        Pair("READ", "R IY1 D"),
        Pair("aalborg", "AO1 L B AO0 R G"),
        Pair("two", "T UW"),
        Pair("two", "T AH"),
    ]


def test_parallel_files(tmp_path):
    source, target = tmp_path / "a.en", tmp_path / "a.de"
    source.write_text("one\ntwo\n")
    target.write_text("eins\nzwei\n")
    data = Data(format="parallel")
    assert training_pairs.read(data, [source, target]) == [
        Pair("one", "eins"),
        Pair("two", "zwei"),
    ]
    target.write_text("eins\nzwei\ndrei\n")
    with pytest.raises(ValueError, match="same number of lines. Received: 2 and 3"):
        training_pairs.read(data, [source, target])
    target.write_text("\nzwei\n")
    with pytest.raises(ValueError, match="a.de, line 1: empty"):
        training_pairs.read(data, [source, target])
    with pytest.raises(ValueError, match="Parallel data are two files"):
        training_pairs.read(data, [source])


def test_standard_input(monkeypatch):
    class Standard:
        buffer = io.BytesIO(b"a\tb\n")

    monkeypatch.setattr("sys.stdin", Standard)
    assert training_pairs.read(Data(), ["-"]) == [Pair("a", "b")]


@pytest.mark.parametrize(
    "text, data, words",
    [
        ('"a","b"\n', {}, "line 1: expected a column 1 .*received 1 column"),
        ("a\tb\na\t\n", {}, "line 2: column 1 is empty"),
        (b"a\tb\nc\t\xff\n", {}, "line 2: expected utf-8, received byte 0xff"),
        ("a\tb\nc\td\te\n", {}, "line 2: expected 2 columns .* received 3: a tab too"),
        ('a\tb\tc\n"d\te"\tf\tg\n', {}, "line 2: expected 3 columns .* received 4"),
        ("a\tb\tc\nd\te\n", {}, "line 2: expected 3 columns .* received 2"),
        ("a\tb\nc\td\n".encode("utf-16-le"), {}, "line 1: .* received a NUL charac"),
        ("a\tb\n", {"encoding": "utf-9"}, "name of a text encoding.*'utf-9'"),
        ("a\tb\n\nc\td\n", {}, "line 2: expected 2 columns .* received 1"),
        ("a\tb\n", {"target": 0}, "another column than `source`. Received: 0"),
        ("a\tb\n", {"target": "phones"}, "expected a column 'phones'"),
        ("word\n", {"format": "lexicon"}, "line 1: expected a word and its pron"),
    ],
)
def test_what_is_no_pair_is_named(tmp_path, text, data, words):
    with pytest.raises(ValueError, match=words):
        # A header row alone is no pair, so that names need two rows.
        read(tmp_path, text + text if "phones" in words else text, **data)


def test_repeated_and_contradictory_pairs_are_counted():
    pairs = [Pair("a", "x"), Pair("a", "y"), Pair("a", "x"), Pair("b", "z")]
    found = training_pairs.usable(pairs)
    assert found.pairs == [Pair("a", "x"), Pair("a", "y"), Pair("b", "z")]
    assert found.notes == [
        "1 pairs are repeated and count once",
        "1 sources have several targets; all of them count",
    ]


def test_a_source_is_on_one_side_only():
    pairs = [Pair(f"w{i % 50}", f"p{i}") for i in range(100)]
    train, held_out = training_pairs.split(pairs, 0.2)
    sides = [{pair.source for pair in side} for side in (train, held_out)]
    assert not sides[0] & sides[1] and len(sides[1]) == 10
    assert sorted(train + held_out) == sorted(pairs)
    # Pairs added elsewhere leave the others where they are.
    more = [*pairs, *(Pair(f"v{i}", "p") for i in range(50))]
    again = {pair.source for pair in training_pairs.split(more, 0.1)[1]}
    assert len(again & sides[1]) > 3
    with pytest.raises(ValueError, match="two sources at least"):
        training_pairs.split([Pair("a", "b")], 0.5)
    assert len(training_pairs.split(pairs[:3], 0.01)[1]) == 1


def test_sources_of_the_development_set_are_not_trained_with():
    pairs = [Pair("a", "x"), Pair("b", "y"), Pair("a", "z")]
    left = training_pairs.without(pairs, [Pair("a", "w")])
    assert left.pairs == [Pair("b", "y")]
    assert left.notes == [
        "2 pairs are left out, as the development set has their source"
    ]


def test_features_follow_the_source(tmp_path):
    found = read(tmp_path, "gitmek\tgitti\tV;PST\n", features=2)
    assert found == [Pair("gitmek\tV;PST", "gitti")]
    recipe = recipe_for(found, Data(features=2))
    assert recipe.source_tokenizer == {"class": "FeatureTokenizer"}
    made = pipeline(with_settings(recipe, ["encoder.units=4"]), found)
    (answer,) = made.predict(["gitmek\tV;PST"])
    assert answer.source_tokens[-3:] == ["\tV", "\tPST", "</s>"]

"""What a graph says when it refuses."""

import pytest
import tensorflow as tf

from keras_attention.pipeline import token_lists
from keras_attention.pipeline.refusals import Problem, refuse_rows, refuse_sizes
from keras_attention.text import CharacterTokenizer, WordTokenizer

pytestmark = pytest.mark.tensorflow_only

NUMBERS = tf.TensorSpec([None], tf.int32)
TEXTS = tf.TensorSpec([None], tf.string)


@tf.function(input_signature=[NUMBERS, NUMBERS])
def small_and_even(a, b):
    problems = [
        Problem(
            tf.stack([a >= 10, a < 0]),
            ["`a` must be below 10", "`a` must be at least 0"],
            lambda row: tf.strings.as_string(tf.stack([a[row], a[row]])),
        ),
        Problem(
            tf.not_equal(b % 2, 0),
            "`b` must be even",
            lambda row: tf.strings.as_string(b[row]),
        ),
    ]
    with tf.control_dependencies([refuse_rows(problems)]):
        return tf.identity(a + b)


def test_what_is_right_passes():
    assert small_and_even([1, 2], [2, 4]).numpy().tolist() == [3, 6]
    assert small_and_even([], []).shape == (0,)


@pytest.mark.parametrize(
    "a, b, message",
    [
        ([1, 12, 13], [2, 2, 2], "`a` must be below 10. Received: 12 in row 1"),
        ([1, 2, 3], [2, 2, 5], "`b` must be even. Received: 5 in row 2"),
        ([1, 2, 13], [1, 2, 2], "`a` must be below 10. Received: 13 in row 2"),
        ([1, -2, 3], [1, 2, 2], "`a` must be at least 0. Received: -2 in row 1"),
    ],
)
def test_the_first_problem_is_named(a, b, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        small_and_even(a, b)
    assert f"assertion failed: [{message}]" in caught.value.message


@pytest.mark.parametrize("or_one", [False, True])
def test_numbers_of_rows(or_one):
    @tf.function(input_signature=[NUMBERS, NUMBERS, NUMBERS])
    def sized(rows, a, b):
        tensors = {"a": a, "b": b}
        with tf.control_dependencies([refuse_sizes(tensors, tf.size(rows), or_one)]):
            return tf.identity(b)

    assert sized([1, 2], [1, 2], [3, 4]).shape == (2,)
    one = " or one for all" if or_one else ""
    message = f"`b` must have one value per row{one}. Expected: 2 rows. Received: 3"
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        sized([1, 2], [1, 2], [3, 4, 5])
    assert message in caught.value.message
    for few in ([], [1]):
        if or_one and few:
            assert sized([1, 2], few, [3, 4]).shape == (2,)
            continue
        with pytest.raises(tf.errors.InvalidArgumentError, match="`a` must have one"):
            sized([1, 2], few, [3, 4])


LETTERS = CharacterTokenizer(["a", " ", "\t", "é"])
# As a file of an older version may have them: no text has the first and the last.
WORDS = WordTokenizer.from_config(
    {"vocabulary": ["New York", "\u2581x", " x"], "split": "whitespace"}
)


def parsed(tokenizer, lists):
    @tf.function(input_signature=[TEXTS])
    def parse(lists):
        found = token_lists.parse(tokenizer, lists)
        problems = [
            token_lists.unknown_tokens(found, ("prefix",)),
            token_lists.tokens_after_end(found, ("prefix",), "prefix"),
        ]
        with tf.control_dependencies([refuse_rows(problems)]):
            return tf.identity(found.table)

    return parse(lists).numpy().tolist()


def test_lists_of_tokens():
    assert parsed(LETTERS, ["a é", "", "  \u2581 \t "]) == [
        [4, 7, -1],
        [-1, -1, -1],
        [5, 6, -1],
    ]
    assert parsed(LETTERS, [""]) == [[-1]]
    assert parsed(LETTERS, tf.constant([], tf.string)) == []
    assert parsed(LETTERS, ["<s> <unk> a </s>"]) == [[1, 3, 4, 2, -1]]
    # As written first, then with the space.
    assert parsed(WORDS, ["New\u2581York \u2581x"]) == [[4, 5, -1]]


@pytest.mark.parametrize(
    "lists, message",
    [
        (
            ["a", "a b c"],
            "`prefix` must hold tokens of the target vocabulary. "
            "Received: b c in row 1",
        ),
        (["ξ"], "Received: ξ in row 0"),
        ([b"\xff\n"], "Received: \ufffd\ufffd in row 0"),
        (["x" * 10_000], f"Received: {'x' * 100} in row 0"),
        (["a aa"], "Received: aa in row 0"),
        (
            ["a </s>", "a </s> a"],
            "`prefix` must hold nothing after </s>. Received: a </s> a in row 1",
        ),
        (["</s> </s>"], "Received: </s> </s> in row 0"),
    ],
)
def test_lists_that_are_refused(lists, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        parsed(LETTERS, lists)
    assert message in caught.value.message

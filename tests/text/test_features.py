"""Characters, and after a tab whole features."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.text import FeatureTokenizer
from tests.text.texts import quick, rows

pytestmark = pytest.mark.tensorflow_only

LEMMAS = st.text(st.sampled_from("abé;ﬁ "), max_size=5)
FEATURES = st.lists(st.text(st.sampled_from("ANé "), max_size=3), max_size=4)

_tokenizer = FeatureTokenizer(["a", "b", "\tN", "\tA"])
_tokenize = tf.function(
    _tokenizer.tokenize_with_offsets, [tf.TensorSpec([None], tf.string)]
)


@quick
@given(batch=st.lists(st.tuples(LEMMAS, FEATURES), max_size=4))
def test_pieces_are_what_python_splits(batch):
    texts = ["\t".join([lemma, *([";".join(f)] if f else [])]) for lemma, f in batch]
    found = rows(_tokenize(tf.constant(texts, tf.string, [len(texts)])))
    for (lemma, features), pieces in zip(batch, found, strict=True):
        wanted = [*lemma, *("\t" + feature for feature in features if feature)]
        assert [token.decode() for token, _, _ in pieces] == wanted


def test_spans_are_those_of_the_bytes():
    ((*letters, first, second),) = rows(_tokenize(tf.constant(["é\tN;PL"])))
    assert letters == [("é".encode(), 0, 2)]
    assert (first, second) == ((b"\tN", 2, 4), (b"\tPL", 4, 7))


def test_a_letter_is_no_feature():
    ids = _tokenizer.tokenize(["N\tN"]).numpy().tolist()
    assert ids == [[3, 6, 2]]  # unknown, a feature, the end


def test_there_and_back():
    text = "ab\tN\tA"
    ids = _tokenizer.tokenize(["ab\tN;A"])
    assert _tokenizer.detokenize(ids).numpy().tolist() == [text.encode()]
    again = FeatureTokenizer.from_config(_tokenizer.get_config())
    assert again.tokenize([text]).numpy().tolist() == ids.numpy().tolist()


@pytest.mark.parametrize("symbol", ["N;A", "\tN;A", "ab", "\t"])
def test_what_no_text_has_is_refused(symbol):
    with pytest.raises(ValueError, match="must hold single characters or features"):
        FeatureTokenizer([symbol])
    with pytest.raises(ValueError, match="`separator` must be a single character"):
        FeatureTokenizer([], separator=symbol + "x")

"""Text in a graph, and pairs of texts on their way to `model.fit`.

| file | what |
|---|---|
| `tokenizer.py` | the interface of every tokenizer |
| `piece_tokenizer.py` | tokenizers that look pieces of text up in a vocabulary |
| `vocabulary_tokenizer.py` | those of symbols that occur in texts, cut by rules |
| `character_tokenizer.py`, `word_tokenizer.py` | the two of plain texts |
| `feature_tokenizer.py` | that of characters and then features, or tags |
| `subword_tokenizer.py` | that of subwords, by SentencePiece |
| `code_points_with_offsets.py` | normalisation, case, byte offsets |
| `splitting.py` | code points to characters or words |
| `vocabulary.py`, `special_symbols.py` | symbols and their ids |
| `unknown_words.py` | replacement of words that have no id |
| `text_lists.py` | lists of texts as bytes |
| `pair_files.py` | pairs of texts from a file of tab-separated values |
| `length_batches.py` | pairs of id sequences to batches of like length |
"""

from keras_attention.layer_support import oldest_versions

oldest_versions.need("tensorflow", "tensorflow-text")

try:
    from keras_attention.text.character_tokenizer import CharacterTokenizer
    from keras_attention.text.feature_tokenizer import FeatureTokenizer
    from keras_attention.text.length_batches import batches, encode
    from keras_attention.text.pair_files import Pair, read_pairs
    from keras_attention.text.subword_tokenizer import SubwordTokenizer
    from keras_attention.text.tokenizer import TokenizedText, Tokenizer
    from keras_attention.text.unknown_words import UnknownWords
    from keras_attention.text.word_tokenizer import WordTokenizer
except ModuleNotFoundError as error:
    raise ImportError(
        f"keras_attention.text needs {error.name}, which is not installed: "
        'pip install "keras-attention-seq2seq[tensorflow]"',
        name=error.name,
    ) from error

__all__ = [
    "CharacterTokenizer",
    "FeatureTokenizer",
    "Pair",
    "SubwordTokenizer",
    "TokenizedText",
    "Tokenizer",
    "UnknownWords",
    "WordTokenizer",
    "batches",
    "encode",
    "read_pairs",
]

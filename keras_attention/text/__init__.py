"""Text in a graph, and pairs of texts on their way to `model.fit`.

| file | what |
|---|---|
| `tokenizer.py` | what a tokenizer is |
| `character_tokenizer.py`, `word_tokenizer.py` | the two there are |
| `code_points.py` | bytes to code points: normalisation, case, byte offsets |
| `pieces.py` | code points to characters or words |
| `vocabulary.py`, `special.py` | symbols and their ids |
| `unknown.py` | what stands in a text for words that have no id |
| `pairs.py` | pairs of texts from a file of tab-separated values |
| `batches.py` | pairs of id sequences to batches of like length |
"""

try:
    from keras_attention.text.character_tokenizer import CharacterTokenizer
    from keras_attention.text.length_batches import batches, encode
    from keras_attention.text.pair_files import Pair, read_pairs
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
    "Pair",
    "TokenizedText",
    "Tokenizer",
    "UnknownWords",
    "WordTokenizer",
    "batches",
    "encode",
    "read_pairs",
]

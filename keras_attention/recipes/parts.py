"""Parts of a model made from the tables of a recipe."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras

import keras_attention as ka
from keras_attention import text
from keras_attention.pipeline.source_inputs import TEXT, SourceInputs
from keras_attention.recipes.recipe import Recipe, Table, nearest
from keras_attention.recipes.training_pairs import inputs
from keras_attention.text import Pair
from keras_attention.text_to_text import TextToText

INPUTS = (TEXT, "features")

_OUTPUTS = ("MarginalAttention", "PointerGenerator")


def pipeline(recipe: Recipe, pairs: Iterable[Pair]) -> TextToText:
    """An untrained pipeline, its vocabularies those of the pairs.

    Raises:
        ValueError: A table has an argument or a class that is not known.
    """
    sources, targets = zip(*pairs, strict=True)
    source, encoder = _source(recipe, sources)
    target = _tokenizer(recipe.target_tokenizer, targets, "target_tokenizer")
    model = _made(
        ka.Seq2Seq,
        recipe.model,
        "model",
        encoder=encoder,
        decoder=made(recipe.decoder, "decoder", ka.AttentionDecoder),
        output=_output(recipe.output, source, target),
        source_vocabulary_size=SourceInputs(source).vocabulary_size,
        target_vocabulary_size=target.vocabulary_size,
    )
    return TextToText(model, source, target)


def _source(recipe: Recipe, sources: Sequence[str]) -> tuple[Any, Any]:
    """Tokenizer and encoder, or those of both inputs."""
    encoder = made(recipe.encoder, "encoder", ka.RecurrentEncoder)
    if recipe.features_encoder is None:
        return _tokenizer(recipe.source_tokenizer, sources, "source_tokenizer"), encoder
    if recipe.features_tokenizer is None:
        raise ValueError("[features_tokenizer]: expected a table, received none")
    given = inputs(INPUTS, sources)
    first, second = INPUTS
    tokenizers = {
        first: _tokenizer(recipe.source_tokenizer, given[first], "source_tokenizer"),
        second: _tokenizer(
            recipe.features_tokenizer, given[second], "features_tokenizer"
        ),
    }
    other = made(recipe.features_encoder, "features_encoder", ka.RecurrentEncoder)
    return tokenizers, [encoder, other]


def _output(table: Table | None, source: Any, target: text.Tokenizer) -> Any:
    if table is None:
        return None
    given: Table = {"vocabulary_size": target.vocabulary_size}
    if table.get("class") not in _OUTPUTS:
        raise ValueError(
            f"[output] class: expected one of {_OUTPUTS}, received "
            f"{table.get('class')!r}.{nearest(str(table.get('class')), list(_OUTPUTS))}"
        )
    if table.get("class") == "PointerGenerator" and isinstance(source, text.Tokenizer):
        symbols = source.tokens([range(source.vocabulary_size)])[0]
        given["target_ids"] = target.ids(symbols).numpy().tolist()
    return made(table, "output", **given)


def made(
    table: Table, where: str, default: Callable[..., Any] | None = None, **given: Any
) -> Any:
    """The object that a table describes, tables inside it first.

    Args:
        table: Arguments by name, and `class`.
        where: The table's name, for messages.
        default: The class where the table names none.
        **given: Arguments that the table may not have.
    """
    arguments = {
        name: _inner(value, f"{where}.{name}")
        for name, value in table.items()
        if name != "class"
    }
    name = table.get("class")
    maker = default if name is None else _class(name, where)
    return _made(maker, arguments, where, **given)


def _inner(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_inner(one, where) for one in value]
    return made(value, where) if isinstance(value, dict) else value


def _class(name: str, where: str) -> Any:
    for module in (ka, ka.scores, ka.alignments, ka.readouts, keras.layers):
        if inspect.isclass(getattr(module, name, None)):
            return getattr(module, name)
    known = [name for name in dir(ka) if inspect.isclass(getattr(ka, name, None))]
    raise ValueError(
        f"[{where}] class: expected a class of keras_attention or keras.layers, "
        f"received {name!r}.{nearest(name, known + dir(keras.layers))}"
    )


def _made(maker: Any, table: Table, where: str, **given: Any) -> Any:
    if maker is None:
        raise ValueError(f"[{where}]: expected `class`, received {sorted(table)}")
    taken = inspect.signature(maker).parameters
    named = [name for name, one in taken.items() if one.kind != one.VAR_KEYWORD]
    every = {*named, "name", "dtype", "trainable"} - set(given)
    for name in table:
        if name not in every:
            raise ValueError(
                f"[{where}]: {maker.__qualname__} has no argument {name!r}."
                f"{nearest(name, sorted(every))}"
            )
    missing = [
        name
        for name, one in taken.items()
        if one.default is one.empty and name in every and name not in table
        if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if missing:
        raise ValueError(f"[{where}]: {maker.__qualname__} needs {missing}")
    return maker(**given, **table)


def _tokenizer(table: Table, texts: Iterable[str], where: str) -> text.Tokenizer:
    kinds = ("Character", "Feature", "Subword", "Word")
    names = [f"{kind}Tokenizer" for kind in kinds]
    name = table.get("class", names[0])
    if name not in names:
        raise ValueError(
            f"[{where}] class: expected one of {names}, received {name!r}."
            f"{nearest(str(name), names)}"
        )
    tokenizer = getattr(text, name)
    arguments = {key: value for key, value in table.items() if key != "class"}
    takers = tokenizer, tokenizer.from_texts
    taken = {name for one in takers for name in inspect.signature(one).parameters}
    known = sorted(taken - {"vocabulary", "model", "texts", "arguments"})
    for key in arguments:
        if key not in known:
            raise ValueError(
                f"[{where}]: {name} has no argument {key!r}.{nearest(key, known)}"
            )
    return tokenizer.from_texts(texts, **arguments)

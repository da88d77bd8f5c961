"""Recipe: everything that one training run depends on, but the data itself."""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli_w

Column = int | str
Table = dict[str, Any]


class Data(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How files are read.

    Attributes:
        format: `tsv`, one pair a line; `parallel`, the two sides line by line in two
            files; `lexicon`, a word and its pronunciations a line, as CMUdict has them.
        source, target: Columns of `tsv`, by number from 0 or by name.
        features: Column of `tsv` with features or tags of the source, which follow it
            after a tab; None where there are none.
        encoding: Of files without a byte order mark.
        development_share: Of the sources, what is kept from training to choose by,
            where no development file is given.
        max_length: Most tokens of a side; longer pairs are counted and left out.
    """

    format: Literal["tsv", "parallel", "lexicon"] = "tsv"
    source: Column = 0
    target: Column = 1
    features: Column | None = None
    encoding: str = "utf-8"
    development_share: float = 0.05
    max_length: int = 250


class Training(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How a model is trained.

    Attributes:
        epochs: Passes over the training pairs.
        batch_size: Most pairs of a batch, which are of like length.
        tokens_per_batch: Also bounds a batch; None does not.
        learning_rate: Of Adam, after `warmup_steps`; then it falls to nothing along
            half a cosine.
        warmup_steps: Updates, at most a quarter of all.
        clip_norm: Most norm of all gradients together.
        weight_decay: Of AdamW; 0 is Adam.
        label_smoothing: Share of the probability that goes to all tokens.
        ema_momentum: Of the moving average of the weights that is evaluated and kept;
            0 keeps the weights themselves.
        gradient_accumulation: Batches that make one update.
        patience: Epochs without a better score on the development set before training
            ends; 0 never ends early.
        metric: What is better on the development set: `wer`, `per`, `accuracy`, `bleu`
            or `chrf`.
        precision: Keras' policy: `float32`, `mixed_bfloat16`, ...
        ensemble: Models that are trained, of seeds one after the other, and averaged.
        seed: Of the weights, the order of the pairs and the dropout.
    """

    epochs: int = 40
    batch_size: int = 32
    tokens_per_batch: int | None = None
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    clip_norm: float = 1.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.1
    ema_momentum: float = 0.0
    gradient_accumulation: int = 1
    patience: int = 0
    metric: Literal["wer", "per", "accuracy", "bleu", "chrf"] = "wer"
    precision: str = "float32"
    ensemble: int = 1
    seed: int = 1


class Recipe(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a model is made of and how it is trained; a TOML file with these tables.

    A table of a part holds the arguments of its constructor, and `class` where there is
    a choice: `{class = "LSTMCell", units = 256}`.

    With `features_encoder` the model has two inputs, `text` and `features`, and needs
    an attention over several memories; without, features are symbols of the source.

    Attributes:
        data: How files are read.
        source_tokenizer, target_tokenizer: Of `keras_attention.text`, and what their
            `from_texts` takes.
        features_tokenizer: As `source_tokenizer`, where features are an input.
        encoder: Of `ka.RecurrentEncoder`.
        features_encoder: The same, of features that are an input of their own.
        decoder: Of `ka.AttentionDecoder`.
        output: An output layer that looks at the source, such as `MarginalAttention`;
            without, it is a dense one.
        model: Of `ka.Seq2Seq`, vocabularies excepted.
        training: How it is trained.
    """

    data: Data = Data()
    source_tokenizer: Table
    target_tokenizer: Table
    features_tokenizer: Table | None = None
    encoder: Table
    features_encoder: Table | None = None
    decoder: Table
    output: Table | None = None
    model: Table
    training: Training = Training()


def read_recipe(path: str | Path) -> Recipe:
    """The recipe of a TOML file.

    Raises:
        ValueError: It is no TOML, or a key or value is none that a recipe has.
    """
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected TOML, received {error}") from None
    return recipe_from(table, str(path))


def recipe_from(table: Table, where: str = "recipe") -> Recipe:
    """The recipe of tables by name.

    Raises:
        ValueError: A key or value is none that a recipe has.
    """
    try:
        return msgspec.convert(table, Recipe)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}{_nearest(str(error))}") from None


def as_table(recipe: Recipe) -> Table:
    """The recipe as tables by name; what is None is left out, as TOML has no null."""
    return _without_none(msgspec.to_builtins(recipe))


def as_toml(recipe: Recipe) -> str:
    """The recipe as `read_recipe` reads it."""
    return tomli_w.dumps(as_table(recipe))


def with_settings(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with some values replaced.

    Args:
        recipe: The recipe.
        settings: `training.epochs=10`; what is no TOML value is a string.

    Raises:
        ValueError: A setting is none, or of a key that a recipe does not have.
    """
    table = as_table(recipe)
    for setting in settings:
        name, equals, text = setting.partition("=")
        *parents, last = name.strip().split(".")
        if not equals or not last:
            raise ValueError(
                "A setting must be a key and a value. Expected: one like "
                f"training.epochs=10. Received: {setting!r}"
            )
        place = table
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ValueError(f"{setting!r}: {parent!r} is a value, not a table")
        place[last] = _value(text.strip())
    return recipe_from(table, "settings")


def nearest(name: str, known: list[str]) -> str:
    """` Did you mean ...?` of the known name that is most like one that is not."""
    found = difflib.get_close_matches(name, known, 1)
    return f" Did you mean {found[0]!r}?" if found else ""


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nearest(message: str) -> str:
    """What could have been meant by a key that msgspec does not know."""
    unknown = re.search(r"unknown field `(\w+)`(?: - at `\$\.(\w+)`)?", message)
    if unknown is None:
        return ""
    name, table = unknown.groups()
    owner = {None: Recipe, "data": Data, "training": Training}[table]
    return nearest(name, list(owner.__struct_fields__))


def _without_none(table: Any) -> Any:
    if not isinstance(table, dict):
        return table
    return {k: _without_none(v) for k, v in table.items() if v is not None}

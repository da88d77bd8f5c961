"""Recipes: from pairs of texts to a trained model, its figures and its answers.

| file | what |
|---|---|
| `recipe.py` | what a training run depends on, as a TOML file |
| `defaults.py` | a recipe for data of which only the pairs are known |
| `training_pairs.py` | files of pairs, repeated ones, development sets |
| `parts.py` | tables of a recipe to tokenizers, encoder, decoder, model |
| `training.py` | epochs, the best of which is kept; resuming; ensembles |
| `checkpoint.py` | the state of an unfinished run |
| `measures.py` | WER, PER, accuracy, BLEU, chrF, with intervals |
| `evaluation.py` | errors by length, frequent confusions |
| `commands/` | the command line, one file a command |
"""

try:
    from keras_attention.recipes.defaults import recipe_for
    from keras_attention.recipes.evaluation import evaluate, report
    from keras_attention.recipes.recipe import (
        Data,
        Recipe,
        Training,
        read_recipe,
        with_settings,
    )
    from keras_attention.recipes.training import train
except ModuleNotFoundError as error:
    raise ImportError(
        f"keras_attention.recipes needs {error.name}, which is not installed: "
        'pip install "keras-attention-seq2seq[tensorflow,train]"',
        name=error.name,
    ) from error

__all__ = [
    "Data",
    "Recipe",
    "Training",
    "evaluate",
    "read_recipe",
    "recipe_for",
    "report",
    "train",
    "with_settings",
]

"""The command line, a module for each command.

| file | what |
|---|---|
| `train.py` | from files of pairs to a model |
| `evaluate.py` | figures of a model on pairs |
| `predict.py` | answers to lines of text |
| `score.py` | how probable given answers are |
| `export.py` | a version for TF Serving |
| `tune.py` | a search for a better recipe |
| `shared_arguments.py` | what they have in common |
"""

from keras_attention.recipes.commands import (
    evaluate,
    export,
    predict,
    score,
    train,
    tune,
)

COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "score": score,
    "export": export,
    "tune": tune,
}

"""Generation: from a model to output sequences.

| module | what |
|---|---|
| `from_step_function` | `ka.generate`: the way in with any step function |
| `from_model` | the way in with a whole model |
| `compiled_graphs` | graphs of a model, dropped when it has changed |
| `result` | `ka.Generation`, what comes back |
| `options` | the table of options, `ka.GenerationOptions` and what derives from them |
| `search` | greedy search, beam search, diverse groups and sampling |
| `penalties` | the rank score of hypotheses |
| `constraints`, `no_repeat_ngram` | which tokens may come next |
| `vocabulary_selection` | a search over some tokens instead of all |
"""

from keras_attention.generation.from_step_function import generate
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.result import Generation

__all__ = ["Generation", "GenerationOptions", "generate"]

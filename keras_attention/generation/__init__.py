"""Turning a model into output sequences.

| file | what |
|---|---|
| `options.py` | what a user may ask for, checked in one place |
| `rows.py` | the same as tensors, one value per row |
| `loop.py` | the way in, with any step function |
| `models.py` | the way in, with a whole model |
| `greedy.py` | the fast path |
| `search.py` | beam search and sampling, every row with its own options |
| `ranking.py` | the one function that hypotheses are ranked by |
| `pool.py` | hypotheses that have ended |
| `processors.py` | which tokens may come next |
| `random.py` | random numbers that depend on a row's seed alone |
| `backtrack.py` | from the traces of a search to its sequences |
| `result.py` | what comes back |
"""

from keras_attention.generation.loop import generate
from keras_attention.generation.options import GenerationOptions
from keras_attention.generation.result import Generation

__all__ = ["Generation", "GenerationOptions", "generate"]

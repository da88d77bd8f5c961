"""Turning a model into output sequences.

| file | what |
|---|---|
| `options.py` | what a user may ask for |
| `option_checks.py` | kinds, ranges, rows and ids, checked in one place |
| `rows.py` | the options as tensors, one value per row |
| `limits.py` | how long an answer may be |
| `features.py` | which parts of the search are needed, as early as that is known |
| `loop.py` | the way in, with any step function |
| `models.py` | the way in, with a whole model |
| `greedy.py` | the fast path |
| `search.py` | the loop of beam search and sampling, every row with its own options |
| `live.py` | hypotheses that go on |
| `beam.py` `groups.py` `sampling.py` | strategies: what hypotheses go on with |
| `ranking.py` | the one function that hypotheses are ranked by |
| `pool.py` | hypotheses that have ended |
| `stopping.py` | when a row has its answers for certain |
| `processors.py` | which tokens may come next |
| `ngrams.py` | no n-gram twice |
| `random.py` | random numbers that depend on a row's seed alone |
| `backtrack.py` | from the traces of a search to its sequences |
| `result.py` | what comes back |
"""

from keras_attention.generation.from_step_function import generate
from keras_attention.generation.options.generation_options import GenerationOptions
from keras_attention.generation.result import Generation

__all__ = ["Generation", "GenerationOptions", "generate"]

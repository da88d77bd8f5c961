"""Lexical shortlist: vocabulary selection from what source tokens may become.

| file | what |
|---|---|
| `shortlist.py` | `Shortlist`, the lists themselves: learned, saved, put on a model |
| `expected_counts.py` | alignment counts from the attention of a trained model |
| `restricted_model.py` | `Restricted`, a model that generates from its lists |

What a model's output layer does with candidates is in
`generation/vocabulary_selection/candidate_output.py`.
"""

from keras_attention.models.lexical_shortlist.restricted_model import Restricted
from keras_attention.models.lexical_shortlist.shortlist import Shortlist

__all__ = ["Restricted", "Shortlist"]

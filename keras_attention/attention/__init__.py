"""The attention layers: a score, an alignment, and what is put together from them.

| file | what |
|---|---|
| `base.py` | what any attention can be asked |
| `attention.py` | `ka.Attention`: any score with any alignment |
| `bahdanau.py`, `luong.py`, `fixed_context.py` | presets |
| `scores/` | score functions, one a file |
| `alignments/` | alignment functions, one a file |
| `list_form.py` | calls in the form of Keras' own attention layers |
| `part.py` | what scores and alignments have in common |
| `memory.py` | memory and state as values |
| `heads.py` | the last dimension split into heads, and back |
| `multi_source/` | attention over several encoders |
| `beam_attention.py` | several hypotheses of a row over one memory |
| `linear_time_monotonic.py` | hard monotonic attention, one key after the other |
| `pooling.py` | a sequence becomes one vector or a few |
"""

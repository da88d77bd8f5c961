"""Output layers that look at the source: for `ka.Seq2Seq`, or models of one's own.

| file | what |
|---|---|
| `base.py` | their interface |
| `pointer_generator.py` | an output layer that may copy |
| `copying.py` | its distribution, and ids for words of the source |
| `exact_marginal.py` | hard attention summed over every alignment |
| `marginal_state.py` | its memory and state |
| `forward_algorithm.py` | the sums of it, in logarithms |
"""

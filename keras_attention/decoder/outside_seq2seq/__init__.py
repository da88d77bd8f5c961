"""Layers for functional models of one's own, which `ka.Seq2Seq` does not put together.

Trained with `model.fit`, stepped by `ka.generate` in a step function of one's own.

| file | what |
|---|---|
| `copying.py` | the pointer-generator's output, and ids for words of the source |
| `exact_marginal.py` | hard attention summed over every alignment |
| `marginal_state.py` | its memory and state |
| `forward_algorithm.py` | the sums of it, in logarithms |
"""

"""Whole models: what is trained, generates, scores and is saved.

| file | what |
|---|---|
| `generating_model.py` | the base: `generate` and `score` of anything that is stepped |
| `training.py` | its base: `compile` and `fit` for sequences |
| `named_inputs.py` | inputs by their names, out of any dict |
| `encoder.py` | the recurrent encoder |
| `several_inputs.py` | an encoder for each of several inputs |
| `seq2seq.py` | embeddings, encoder, decoder, output layer |
| `ensemble.py` | several models as one |
| `likelihood.py` | log-probabilities of given targets |
| `lexical_shortlist/` | vocabulary selection from the source's tokens |
| `linear_time_generation.py` | generation that asks for S + T energies, not S T |
"""

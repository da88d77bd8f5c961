"""Graphs from text to text, which prediction and export share.

| file | what |
|---|---|
| `graphs.py` | the graphs: tokens, greedy search, search, likelihoods |
| `source_inputs.py` | the texts that go in, one or several by name |
| `option_inputs.py` | options of generation as tensors of a request |
| `token_lists.py` | lists of tokens that travel as strings |
| `refusals.py` | requests that a graph refuses, with a reason |
| `prediction.py` | answers as values, batches by length |
| `part_checks.py` | whether model, tokenizers and lexicon fit |
| `archive.py` | one file with a model and the objects that belong to it |
"""

"""From a trained model to a directory that TF Serving loads.

| file | what |
|---|---|
| `signatures.py` | the ways to call a served model |
| `options.py` | the options of generation as inputs: names, defaults, checks |
| `token_lists.py` | lists of tokens that travel as strings |
| `refusals.py` | requests that a graph refuses, with a reason |
| `graphs.py` | what signatures share: tokens, greedy search, search, scores |
| `stepwise.py` | one step at a time |
| `trace.py` | the signatures as graphs that run on any device |
| `trials.py` | requests that an export is tried with |
| `saved_model.py` | the order of events: trace, try, write, check, publish |
| `finishing.py` | defaults into, and device names out of, what TensorFlow wrote |
| `warmup.py` | requests that a server sends to itself before it serves |
| `checks.py` | what may not be in a graph that others will run |
| `serving_ops.txt` | the ops that TF Serving 2.20 knows |
| `publish.py` | version directories that appear whole or not at all |
"""

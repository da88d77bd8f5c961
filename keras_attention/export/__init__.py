"""Export: from a trained pipeline to a directory that TF Serving loads.

| file | what |
|---|---|
| `saved_model.py` | the order of events: trace, try, write, check, publish |
| `signatures.py` | the ways to call a served model |
| `step_signatures.py` | one step at a time |
| `compiled_search.py` | greedy search as programs of XLA, for a few sizes |
| `tracing.py` | the signatures as graphs that run on any device |
| `trial_requests.py` | requests that an export is tried with |
| `postprocessing.py` | defaults into, and device names out of, what TensorFlow wrote |
| `unused_nodes.py` | functions without the nodes that nobody uses |
| `warmup_requests.py` | requests that a server sends to itself before it serves |
| `graph_checks.py` | what may not be in a graph that others will run |
| `serving_ops.txt` | the ops that TF Serving 2.20 knows |
| `version_folders.py` | version folders that appear whole or not at all |
"""

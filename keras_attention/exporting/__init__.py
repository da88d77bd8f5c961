"""From a trained model to a directory that TF Serving loads.

| file | what |
|---|---|
| `signatures.py` | what a served model answers, as small graph functions |
| `trace.py` | those functions as graphs that name no device |
| `saved_model.py` | the order of events: trace, write, warm up, check, publish |
| `warmup.py` | requests that a server sends to itself before it serves |
| `checks.py` | what may not be in a graph that others will run |
| `serving_ops.txt` | the ops that TF Serving 2.20 knows |
| `publish.py` | version directories that appear whole or not at all |
"""

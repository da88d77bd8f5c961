"""Side-by-side runs against peers: one command each, ratios, the machine recorded.

| file | what |
|---|---|
| `train_step.py`, `generate.py` | the commands |
| `problem.py` | sizes, and the weights and data every variant starts from |
| `variants/` | one file per implementation: ours, plain Keras, torch |
| `worker.py` | runs one variant in a process of its own |
| `harness.py` | starts workers, compares their outputs, interleaves their runs |
| `machine.py`, `report.py` | what the numbers were measured on, where they go |
"""

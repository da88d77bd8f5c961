"""Helpers that every Keras layer here needs.

| file | what |
|---|---|
| `types.py` | aliases for tensors, masks, shapes, states |
| `argument_checks.py`, `id_check.py`, `state_check.py` | refusals by name |
| `building.py` | parts of a layer: of their configurations, for their inputs |
| `constructor_config.py` | `get_config` read off the constructor |
| `registry.py` | parts found by name, configuration or instance |
| `ownership.py` | one owner for each part |
| `composite_layer.py` | the base of layers with optional outputs and own parts |
| `quiet_commands.py` | TensorFlow's greetings, kept off a command's stderr |
| `oldest_versions.py` | frameworks that are too old are refused |
| `quantization.py` | quantised parts in a layer's configuration |
"""

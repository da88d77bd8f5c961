"""Turning a model into output sequences.

| file | what |
|---|---|
| `options.py` | what a user may ask for, checked in one place |
| `loop.py` | the one loop over target steps |
| `result.py` | what comes back |
"""

from keras_attention.generation.loop import generate
from keras_attention.generation.options import GenerationOptions
from keras_attention.generation.result import Generation

__all__ = ["Generation", "GenerationOptions", "generate"]

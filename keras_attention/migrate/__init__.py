"""Weights that were trained with other libraries, into layers and models of this one.

| file | what |
|---|---|
| `assignments.py` | weights compared with variables, then assigned |
| `saved_arrays.py` | arrays from checkpoints and HDF5 files |
| `tensorflow_addons.py` | TensorFlow Addons' `AttentionWrapper` |
| `keras_layers.py` | `keras.layers.AdditiveAttention` and `keras.layers.Attention` |
| `tutorial_models.py` | what both tutorials have in common |
| `tensorflow_tutorial.py` | the models of TensorFlow's tutorial "NMT with attention" |
| `pytorch_tutorial.py` | the model of PyTorch's tutorial on translation |

Each function takes arrays by their names and a built layer or model. What does not fit
is one `ValueError` that lists everything, and then nothing was assigned.
"""

from keras_attention.migrate.keras_layers import keras_layer
from keras_attention.migrate.pytorch_tutorial import pytorch_tutorial
from keras_attention.migrate.saved_arrays import read_checkpoint, read_h5, select
from keras_attention.migrate.tensorflow_addons import tensorflow_addons
from keras_attention.migrate.tensorflow_tutorial import tensorflow_tutorial

__all__ = [
    "keras_layer",
    "pytorch_tutorial",
    "read_checkpoint",
    "read_h5",
    "select",
    "tensorflow_addons",
    "tensorflow_tutorial",
]

"""The alignments by name, for those that are made of others too."""

from keras_attention.attention.alignments.base import Alignment
from keras_attention.layer_support.registry import Registry

registry: Registry[Alignment] = Registry("alignment", Alignment)

"""The alignments by name, for those that are made of others too."""

from keras_attention.alignments.base import Alignment
from keras_attention.registry import Registry

registry: Registry[Alignment] = Registry("alignment", Alignment)

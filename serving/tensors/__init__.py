"""Tensors on the wire: TensorProto from and to NumPy arrays."""

"""Tensors on the wire: TensorProto from and to NumPy arrays.

- ``dtypes``: data types of TensorFlow and of NumPy
- ``decoding``: TensorProto to arrays; ``encoding``: arrays to TensorProto
"""

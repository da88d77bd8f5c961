"""Runtime: TensorFlow's C++ session through its C library.

- ``library.py``: TensorFlow's shared libraries, found and loaded
- ``c_api.py``: the functions of its C API, with their types
- ``c_tensors.py``: tensors of the C API, to and from NumPy arrays
- ``session.py``: a SavedModel in a session
"""

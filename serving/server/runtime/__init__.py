"""TensorFlow's C++ session through its C library."""

"""TensorFlow Serving's messages, readable and writable without TensorFlow."""

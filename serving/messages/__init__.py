"""Messages of TensorFlow Serving, readable and writable without TensorFlow.

Each ``.proto`` says what it is for; ``tools/generate_messages.py`` makes the ``_pb2``
beside it.

- ``remote_calls``: the calls that carry them
"""

"""What serves behind ``python -m serving serve``.

- ``binary``: a ``tensorflow_model_server`` of the PATH
- ``docker``: the same from the image ``tensorflow/serving``
- ``embedded``: :mod:`serving.embedded`, in this process

All take the flags of ``tensorflow_model_server``.
"""

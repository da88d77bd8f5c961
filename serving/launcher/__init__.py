"""Engines behind ``python -m serving serve``; all take TF Serving's flags.

- ``engine_choice``: which of the engines runs, and what all of them offer
- ``flags``: flags of the command line
- ``flag_contradictions``: flags that exclude each other or change nothing
- ``short_flags``: our flags that stand for files, ``config_files`` writes these
- ``embedded``: :mod:`serving.embedded` in this process
- ``stock_server``: a ``tensorflow_model_server``, that of the PATH; ``docker``: that of
  the image ``tensorflow/serving``
- ``launch_specification``: what a ``tensorflow_model_server`` is told
- ``process_supervisor``, ``signals``: its process, and what reaches ours
- ``readiness``: whether it can be asked
"""

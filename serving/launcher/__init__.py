"""Engines behind ``python -m serving serve``; all take TF Serving's flags.

- ``engine_choice``: which of the engines runs
- ``flags``: flags of the command line
- ``flag_contradictions``: flags that exclude each other or change nothing
- ``short_flags``: our flags that stand for files of TF Serving, written
- ``embedded``: :mod:`serving.embedded` in this process
- ``stock_server``: a ``tensorflow_model_server``, of the PATH or of an image
- ``installations``: how it is started there
- ``launch_specification``: what a ``tensorflow_model_server`` is told
- ``process_supervisor``, ``signals``: its process, and what reaches ours
- ``readiness``: whether it can be asked
"""

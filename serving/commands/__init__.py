"""The command line, a module for each command.

- ``serve``: runs a server, by :mod:`serving.launcher`
- ``predict``, ``n_best``, ``score``: ask a model about texts
- ``status``: versions of a model
- ``load_test``: the command ``load``, requests at a given rate
- ``input_lines``: texts of standard input
- ``shared_arguments``: what the commands of clients have in common
"""

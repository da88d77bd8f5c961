"""Configuration files and messages, read and checked.

- ``text_format.py``: messages in protobuf's text format, and the lines of mistakes
- ``model_config.py``: which models are served: a ModelServerConfig, checked
- ``config_file.py``: the file that holds one, looked at again while serving
"""

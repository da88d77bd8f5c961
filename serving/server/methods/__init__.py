"""Methods of the API, independent of gRPC and REST.

Each takes what is served, the request, and how many milliseconds the graph may take (0
for as many as it needs). Each raises Refusal with TF Serving's code and message.

- ``predict.py``: Predict
- ``classify_regress.py``: Classify, Regress and MultiInference
- ``metadata_and_status.py``: GetModelMetadata and GetModelStatus
- ``reload_config.py``: HandleReloadConfigRequest
"""

"""Methods of the API, independent of gRPC and REST.

| file | what |
|---|---|
| `predict.py` | Predict |
| `classify_regress.py` | Classify, Regress and MultiInference |
| `metadata_and_status.py` | GetModelMetadata and GetModelStatus |
| `reload_config.py` | HandleReloadConfigRequest |
"""

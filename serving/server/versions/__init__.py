"""Hot reload: which versions of the models to load, and which to unload.

- ``polling.py``: a thread that looks again at intervals
- ``model_manager.py``: all models of a server: the start, polls, another configuration
- ``reconciler.py``: one model: loads what is missing, unloads the rest
- ``version_folders.py``: numbered folders of a model, and what tells that they changed
- ``version_policy.py``: which of those versions are to be served
- ``version_registry.py``: state of every version; finds the one that a request means
- ``loading.py``: a folder made a servable: session, batching, warm-up
- ``servable.py``: a loaded version, as requests know it
- ``warmup.py``: the requests that a version answers before it is served, and after
- ``later.py``: a thread for what need not be done before
- ``compiled.py``: a default signature computed by programs of XLA, made meanwhile
- ``tfrecord.py``: the files that hold them
"""

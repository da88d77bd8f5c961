"""Batching: requests of several callers, merged into one run of the graph.

- ``parameters.py``: TF Serving's BatchingParameters
- ``merging.py``: rows of several requests into one, and their answers apart again
- ``queue.py``: which request joins which batch
- ``scheduler.py``: threads that take batches from the queues
- ``runner.py``: the whole behind the interface of a session
"""

from serving.server.batching.parameters import BatchingOptions, read_options
from serving.server.batching.runner import BatchingRunner
from serving.server.batching.scheduler import Scheduler

__all__ = ["BatchingOptions", "BatchingRunner", "Scheduler", "read_options"]

"""Observability of a running server.

- ``call_record.py``: what is known of a call that has ended
- ``call_log.py``: one line of the log a call
- ``events.py``: loads, warm-ups and batches
- ``metrics.py``: Prometheus' counts of all of these
"""

"""What can be seen of a running server: metrics, call log, events."""

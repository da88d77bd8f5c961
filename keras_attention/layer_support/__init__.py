"""Helpers that every Keras layer here needs: checks, building, ownership, lookup."""

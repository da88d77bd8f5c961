"""The attention layers: a score, an alignment, and what is put together from them."""

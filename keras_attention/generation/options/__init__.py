"""The options of generation: what they are, what they may be, what they need."""

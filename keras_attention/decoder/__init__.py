"""The decoder: a cell, an attention, an order and a readout."""

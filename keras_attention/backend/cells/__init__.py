"""Recurrent cells, prepared for loops: input projections taken outside.

| file | what |
|---|---|
| `prepared_cell.py` | the value a loop works with, and which adapter makes it |
| `lstm.py`, `gru.py` | the two cells whose input projection leaves the loop |
| `gate_products.py` | the product of a step, in one or gate by gate |
| `any_cell.py` | every other cell, and cells with dropout, run as they are |
| `cell_stack.py` | one or several cells on top of each other |
"""

from keras_attention.backend.cells.cell_stack import CellStack

__all__ = ["CellStack"]

"""The decoder: a cell, an attention, an order and a readout.

| file | what |
|---|---|
| `decoder.py` | `ka.AttentionDecoder`, which puts the parts together |
| `orders.py` | what the query of a step is and what the cell takes; input feeding |
| `step.py` | the state, and what a step works with |
| `context_products.py` | products with the context, by values multiplied once |
| `token_steps.py` | steps from tokens, whose projections are looked up |
| `readouts.py` | what leaves the decoder at each step |
| `bridges.py` | from the encoder's last states to the decoder's first ones |
| `context_gate.py` | a gate between the context and what was said |
| `teacher_forcing.py` | the loop over a whole target that is known |
| `scheduled_sampling.py`, `sampling_schedules.py` | training on tokens of one's own |
| `tied_embedding.py` | an output layer whose kernel is the embedding |
| `source_outputs/` | output layers that look at the source: copying, exact marginals |
"""

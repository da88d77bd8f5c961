"""Searches for output sequences: greedy, beams, diverse groups, samples.

| module | what |
|---|---|
| `greedy` | the fast path, one hypothesis a row |
| `loop` | the loop over steps of every other search |
| `hypotheses` | hypotheses that go on |
| `beam`, `diverse_groups`, `sampling` | the extensions that hypotheses go on with |
| `finished` | finished hypotheses, the best of each row |
| `stopping` | when a row has its answers for certain |
| `backtracking` | from the traces of a search to its sequences |
| `random_numbers` | random numbers that depend on a row's seed alone |
"""

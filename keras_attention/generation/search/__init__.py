"""Searches for output sequences: greedy, beams, diverse groups, samples.

| module | what |
|---|---|
| `greedy` | the fast path, one hypothesis a row |
| `beam_search_loop` | the loop over steps of every other search |
| `hypotheses` | hypotheses that go on |
| `beam_extensions`, `diverse_groups`, `sampling` | how hypotheses go on |
| `compaction` | rows that have ended leave the batch |
| `finished` | finished hypotheses, the best of each row |
| `stopping` | when a row has its answers for certain |
| `backtracking` | from the traces of a search to its sequences |
| `random_numbers` | random numbers that depend on a row's seed alone |
"""

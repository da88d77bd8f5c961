"""The searches: greedy, beams, diverse groups, samples, in one loop over steps."""

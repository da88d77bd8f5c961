"""Float64 NumPy oracles, written from the papers' equations.

Nothing here imports the package under test, so an error has to be made twice, in
two different ways, before a comparison passes. Loops over rows, steps and heads
are spelled out where that keeps a function next to its equation.
"""

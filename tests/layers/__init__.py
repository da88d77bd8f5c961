"""The layers against their oracles, and the rules that hold for all of them."""

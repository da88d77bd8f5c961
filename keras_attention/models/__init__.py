"""Whole models: the encoder-decoder, ensembles, likelihoods, shortlists."""

"""Matching, comparing and planning as pure functions: no files, network, clock or randomness."""

"""Matching, comparing and planning as pure functions: no file, no network, no clock, no chance."""

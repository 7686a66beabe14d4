"""A third portal, to see that it takes a file."""

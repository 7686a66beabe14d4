"""A third portal: an example of how little a portal needs."""

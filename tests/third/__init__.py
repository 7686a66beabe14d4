"""A third portal, which shows how little one needs."""

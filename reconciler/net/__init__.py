"""HTTP to portals and GitHub."""

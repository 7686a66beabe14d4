"""Input of any kind, by hand, by grammar and by coverage."""

"""A plan and a report as text: every renderer takes the same view and returns a string."""

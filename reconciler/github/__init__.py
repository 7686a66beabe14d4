"""Everything that knows GitHub: the run, its commands, comments, issues and reviewed plans."""

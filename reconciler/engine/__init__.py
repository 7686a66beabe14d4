"""Make plans and apply them: the files, the portals and the ledger work together here."""

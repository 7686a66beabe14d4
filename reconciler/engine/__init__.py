"""Plans and applies: files, portals and ledger, put to work together."""

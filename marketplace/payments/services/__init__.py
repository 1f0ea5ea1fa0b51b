"""What writes payments. Each module is one concern: starting, syncing, refunds, bank, events, reconciliation."""

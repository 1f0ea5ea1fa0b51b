"""The counter of a supplier: scan, hand over, undo, sell by card."""

"""Fork of Oscar's basket. Lines come with all that pricing reads; a submitted basket never changes; POST only."""

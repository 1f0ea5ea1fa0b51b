"""Fork of Oscar's catalogue.

Rewards carry a kind, limits, a least star and a search text; plain database lists instead of haystack.
"""

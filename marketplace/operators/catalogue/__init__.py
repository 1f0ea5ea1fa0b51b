"""Fork of Oscar's catalogue dashboard.

Forms without currency and stock figures; descriptions cleaned; no bulk prices.
"""

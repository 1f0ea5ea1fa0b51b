"""Fork of Oscar's partner.

Suppliers belong to a village; stock can never be sold twice; prices are points with a star discount.
"""

"""Fork of Oscar's order.

One order has one supplier and belongs to a redemption; numbers are random; states change once.
"""

"""Fork of Oscar's dashboard.

For platform operators only: catalogue, suppliers and orders to look at, no money, no shared passwords.
"""

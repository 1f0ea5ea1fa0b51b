"""Fork of Oscar's orders dashboard.

Orders are read here; cancelling and handing over go through the rewards services.
"""

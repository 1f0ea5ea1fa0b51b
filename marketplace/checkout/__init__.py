"""Fork of Oscar's checkout.

Oscar's steps (address, shipping, payment) have no place here: the confirm page is in rewards.
"""

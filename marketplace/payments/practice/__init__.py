"""A practice double of Stripe on this machine: the real SDK talks to it over HTTP, no money moves, nothing leaves.

It knows no Django. ``serve`` starts it in the demo, the suite starts it in a thread. Requests are checked against the
typed parameters that the installed SDK brings, so that a call that Stripe would refuse is refused here too.
"""

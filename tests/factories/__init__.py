"""Worlds that tests begin with: people, places, money and shelves, made through the public services.

``tests/support/worlds.py`` makes each once per process; a module here has one builder and the shorthands of its world.
"""

"""A demo of two towns: real places and rules, plainly invented people, made through the public services from a seed."""

from __future__ import annotations

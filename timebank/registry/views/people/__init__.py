"""The village office and its people: one module for each kind of page."""

from __future__ import annotations

from timebank.registry.views.people import cases, corrections, office, paper

__all__ = ["cases", "corrections", "office", "paper"]

"""Rewards carry a kind, limits, a least star and a search text; plain database lists instead of haystack."""

from __future__ import annotations

from oscar.apps.catalogue import apps


class CatalogueConfig(apps.CatalogueConfig):
    name = "marketplace.catalogue"

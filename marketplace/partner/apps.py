"""Suppliers belong to a village; stock can never be sold twice; prices are points with a star discount."""

from __future__ import annotations

from oscar.apps.partner import apps


class PartnerConfig(apps.PartnerConfig):
    name = "marketplace.partner"

"""Schemes, their versions, and the categories of service that rules price."""

from __future__ import annotations

from timebank.policy.models.categories import Category
from timebank.policy.models.schemes import Scheme, SchemeVersion

__all__ = ["Category", "Scheme", "SchemeVersion"]

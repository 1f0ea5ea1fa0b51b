"""Lists and search ask the database: haystack shows nothing on its simple engine and splits no Chinese."""

from __future__ import annotations

from oscar.apps.search import apps


class SearchConfig(apps.SearchConfig):
    name = "marketplace.search"

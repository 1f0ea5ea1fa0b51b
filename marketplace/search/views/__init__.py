"""Lists of rewards from the database, under the names that Oscar looks for."""

from __future__ import annotations

from marketplace.search.views.lists import CatalogueView, FacetedSearchView, ProductCategoryView

__all__ = ["CatalogueView", "FacetedSearchView", "ProductCategoryView"]

"""The addresses of the shop: what ``MarketplaceShop`` leaves of Oscar's."""

from __future__ import annotations

from django.apps import apps

urlpatterns = apps.get_app_config("oscar").urls[0]

"""Form fields that name what the registry keeps."""

from __future__ import annotations

from typing import Any

from timebank.common.choices import OneOfManyField
from timebank.registry.models import Region


class RegionField(OneOfManyField):
    """One of the places that a form is given, by its name or its code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Region.objects.none(), numbers=("code",), names=("short_name", "name"), **kwargs)

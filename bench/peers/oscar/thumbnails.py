"""Pictures as they are: the shop's products have none, and nothing is measured of making them small."""

from __future__ import annotations

from typing import Any, NamedTuple

from oscar.core.thumbnails import AbstractThumbnailer


class Picture(NamedTuple):
    """What the templates ask of a thumbnail."""

    url: str


class Plain(AbstractThumbnailer):  # type: ignore[misc]
    """Hand the original on."""

    def generate_thumbnail(self, source: Any, **_options: Any) -> Picture:
        """Return its address."""
        return Picture(f"/media/{source}")

    def delete_thumbnails(self, source: Any) -> None:
        """Keep everything."""

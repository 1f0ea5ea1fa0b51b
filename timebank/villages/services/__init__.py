"""The only code of this app that writes."""

from __future__ import annotations

from timebank.villages.services.founding import (
    Person,
    appoint,
    finish_setup,
    greeting,
    load_places,
    load_schemes,
    open_setup,
    open_village,
    set_office,
    setup_url,
)

__all__ = [
    "Person",
    "appoint",
    "finish_setup",
    "greeting",
    "load_places",
    "load_schemes",
    "open_setup",
    "open_village",
    "set_office",
    "setup_url",
]

"""Parts of an address: what can't name a row is 404 before any view sees it.

``int`` of Django takes any number of digits, and a database refuses what is longer than its column with an exception.
"""

from __future__ import annotations

from django.urls import register_converter

from timebank.common.input import LARGEST_ID


class IdConverter:
    """The key of a row: ``<id:pk>``."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if not 0 < number <= LARGEST_ID:
            raise ValueError(value)
        return number

    def to_url(self, value: int) -> str:
        return str(value)


class YearConverter(IdConverter):
    """A year of this century: ``<year:year>``."""

    regex = "20[0-9]{2}"


class MonthConverter(IdConverter):
    """A month of the year: ``<month:month>``."""

    regex = "0?[1-9]|1[0-2]"


def register() -> None:
    """Make them known to ``path()``; once, from ``CommonConfig.ready``."""
    register_converter(IdConverter, "id")
    register_converter(YearConverter, "year")
    register_converter(MonthConverter, "month")

"""What an opening balance is in a statement of points."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from timebank.ledger.describing import Description
from timebank.ui.templatetags.ui import day
from timebank.villages.models import OpeningLine


def describe_openings(keys: Iterable[str]) -> dict[str, Description]:
    """Describe opening lines by id: of which signed list, who entered and who approved it."""
    ids = [int(key) for key in keys if key.isdecimal()]
    rows = OpeningLine.objects.select_related("opening__entered_by", "opening__decided_by").in_bulk(ids)
    return {
        str(pk): Description(
            title=_("Opening balance: %(title)s") % {"title": line.opening.title},
            icon="list",
            explanation=(
                _("From outside Shanji: the list signed on %(day)s, row %(row)s.")
                % {"day": day(line.opening.signed_on, "date"), "row": line.row},
                _("Entered by %(one)s, approved by %(other)s.")
                % {"one": line.opening.entered_by, "other": line.opening.decided_by},
            ),
            kinds=frozenset({"opening"}),
            minutes=line.minutes or None,
        )
        for pk, line in rows.items()
    }

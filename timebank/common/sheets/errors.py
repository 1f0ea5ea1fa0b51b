"""What is wrong with a file, or with one cell of it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from timebank.common.errors import DomainError


class SheetError(DomainError):
    """A file that is refused as a whole, before anything of it is used."""

    code = "broken_sheet"
    message = _("This file can't be read as a table.")
    status = 400


class CellProblem(DomainError):
    """A cell whose content can't be meant; ``code`` says which kind."""

    code = "cell"
    status = 400

"""The base of every form: what a service refuses stands at the field it belongs to, in its own words."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from timebank.common.errors import DomainError, KeyConflict

DASHES = "---------"  # Django's empty choice: nothing that can be read aloud


class EmptyChoiceMixin:
    """The empty choice of every list in words, for forms and model forms."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            words = _("Please choose") if field.required else _("None of these")
            if isinstance(field, forms.ModelChoiceField):
                if field.empty_label == DASHES:
                    field.empty_label = words
            elif isinstance(field, forms.ChoiceField):
                choices: list[Any] = list(field.choices)  # type: ignore[arg-type]
                if ("", DASHES) in choices:
                    field.choices = [(value, words if label == DASHES else label) for value, label in choices]


class BaseForm(EmptyChoiceMixin, forms.Form):
    """A form that can show the refusal of a service."""

    use_required_attribute = True

    #: what a page that shows this form's errors answers with
    status = 422

    def refuse(self, error: DomainError) -> None:
        """Put a domain error where the person sees it: at its field, else above the form."""
        if isinstance(error, KeyConflict):
            self.status = error.status
        self.add_error(error.field if error.field in self.fields else None, str(error))

"""One or some of many: a list to choose from while it is short, typed where a county would make it thousands of lines.

What is typed is a number that names a row, or words of its names that fit one row only. (Looked at: select2-like
widgets; they need a script and an address for each list, and leave who has neither with nothing.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, Q
from django.forms.models import ModelChoiceIterator
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from timebank.common.input import clean_text

LINES = 100  # as many are typed at once
MOST = 50  # as many lines of a list are read through on a phone; one more, and it is typed
SHOWN = 6  # of those that fit what was typed
_BETWEEN = re.compile(r"[\s·,，、/]+")


class _Rows(ModelChoiceIterator):
    """The choices, and no more than tell whether there are too many."""

    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield ("", self.field.empty_label)
        for row in self.queryset[: MOST + 1]:
            yield self.choice(row)


class _ListOrText:
    """A widget that is a list while it is short."""

    text: Any = forms.TextInput
    choices: Any

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        declared = self.choices
        field, rows = declared.field, list(iter(declared))  # (a list's len() would count)
        if len(rows) - (field.empty_label is not None) <= MOST:
            is_single = field.required and len(rows) == 2 and field.empty_label is not None
            self.choices = rows[1:] if is_single else rows  # the only one is chosen already
            try:
                return super().render(name, value, attrs, renderer)  # type: ignore[misc]
            finally:
                self.choices = declared
        hint = {"placeholder": _("Name or number"), "autocomplete": "off", **self.attrs}  # type: ignore[attr-defined]
        return self.text(attrs=hint).render(name, field.as_text(value), attrs, renderer)


class _Select(_ListOrText, forms.Select):
    pass


class _SelectMultiple(_ListOrText, forms.SelectMultiple):
    text = forms.Textarea


class _Many:
    """What both fields share; ``numbers`` name one row, ``names`` are searched by words."""

    iterator: Any = _Rows
    _queryset: Any

    def __init__(self, queryset: Any, *, numbers: Sequence[str] = (), names: Sequence[str], **kwargs: Any) -> None:
        self.numbers, self.names = tuple(numbers), tuple(names)
        super().__init__(queryset, **kwargs)  # type: ignore[call-arg]

    def _choose_from(self, queryset: Any) -> None:
        super()._set_queryset(queryset)  # type: ignore[misc]
        for name in (*self.numbers, *self.names) if queryset is not None else ():
            # A wrong name is found where the form is first shown, not where there are too many rows for a list.
            queryset.query.names_to_path(name.split("__"), queryset.model._meta, fail_on_missing=True)

    queryset: Any = property(lambda self: self._queryset, _choose_from)

    @property
    def is_typed(self) -> bool:
        """Whether there are too many for a list (one statement)."""
        return len(self.queryset.order_by().values_list("pk", flat=True)[: MOST + 1]) > MOST

    def find(self, text: str) -> Any:
        """Return the only row that ``text`` fits; raise ValidationError, which names some where several do."""
        text = clean_text(text)
        exact = Q()
        for field in (*self.numbers, *self.names):
            exact |= Q(**{f"{field}__iexact": text})
        words = Q()
        for word in filter(None, _BETWEEN.split(text)[:8]):
            fits = Q()
            for field in self.names:
                fits |= Q(**{f"{field}__icontains": word})
            for field in self.numbers:  # a number counts as a whole: 239 is not the end of another one
                fits |= Q(**{f"{field}__iexact": word.strip("()（）")})
            words &= fits
        for where in (exact, words):
            rows = list(self.queryset.filter(where)[: SHOWN + 1]) if text and where else []
            if len(rows) == 1:
                return rows[0]
            if rows:
                names = "; ".join(self.in_words(row) for row in rows[:SHOWN]) + ("; …" if len(rows) > SHOWN else "")
                raise ValidationError(
                    _("“%(text)s” fits several: %(names)s. Write more of it, or the number."),
                    code="several",
                    params={"text": text, "names": names},
                )
        raise ValidationError(
            _("Nothing here is called “%(text)s”. Write the number, or a part of the name."),
            code="invalid_choice",
            params={"text": text[:40]},
        )

    def in_words(self, row: Model) -> str:
        """Return what a row is called, with the number by which it alone is meant, or all by which it is found."""
        label, number = str(self.label_from_instance(row)), self._number_of(row)  # type: ignore[attr-defined]
        if number:
            return label if number in label else f"{label} ({number})"
        return " · ".join(dict.fromkeys([label, *filter(None, (str(_value(row, name) or "") for name in self.names))]))

    def _number_of(self, row: Model) -> str:
        return next((str(value) for name in self.numbers if (value := _value(row, name))), "")

    def as_text(self, value: Any) -> str:
        """Write what a text field holds for a value: the number of a row that was chosen before, or what was typed."""
        values = value if isinstance(value, (list, tuple)) else [value]
        return "\n".join(self._one_as_text(item) for item in values if item not in (None, ""))

    def _one_as_text(self, value: Any) -> str:
        if isinstance(value, (str, Promise)):
            return str(value)
        row = self.queryset.filter(pk=value).first()
        if row is None:
            return ""
        return self._number_of(row) or str(self.label_from_instance(row))  # type: ignore[attr-defined]


class OneOfManyField(_Many, forms.ModelChoiceField):
    widget = _Select

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, Model) or not self.is_typed:
            return super().to_python(value)
        return self.find(str(value))


class SomeOfManyField(_Many, forms.ModelMultipleChoiceField):
    """Several of many; where they are typed, one on each line."""

    widget = _SelectMultiple

    def clean(self, value: Any) -> Any:
        typed = [line for part in value or () for line in str(part).splitlines() if line.strip()]
        if not typed or not self.is_typed:
            return super().clean(value)
        if len(typed) > LINES:
            raise ValidationError(_("Write at most %(most)d lines."), code="too_many", params={"most": LINES})
        return self.queryset.filter(pk__in=[self.find(line).pk for line in typed])


def _value(row: Any, name: str) -> Any:
    """Return what a field holds, of a related row too."""
    for part in name.split("__"):
        row = getattr(row, part, None)
    return row

"""Form fields that read what people type with ``timebank.common.input``: the same folding and bounds everywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from timebank.common import input as read

Bound = dt.date | Callable[[], dt.date] | None


def _now(bound: Bound) -> dt.date | None:
    return bound() if callable(bound) else bound


def as_form_error(error: read.InvalidInput) -> ValidationError:
    """Turn a refusal of the reader into one of a form field."""
    return ValidationError(error.message, code=error.code)


class CleanCharField(forms.CharField):
    """One clean line; with ``lines=True`` a text of several. ``clean_text`` says what is dropped and folded."""

    def __init__(
        self, *args: Any, lines: bool = False, dashes: bool = False, dots: bool = False, **kwargs: Any
    ) -> None:
        self._cleaning = {"lines": lines, "dashes": dashes, "dots": dots}
        if lines:
            kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> str | None:
        cleaned = self.clean_text("" if value in self.empty_values else str(value))
        return cleaned or self.empty_value

    def clean_text(self, text: str) -> str:
        """Fold one value; the fields below have their own ways."""
        return read.clean_text(text, **self._cleaning)


class PersonNameField(CleanCharField):
    """A person's name; every middle dot is written as one."""

    def __init__(self, *args: Any, max_length: int = 60, **kwargs: Any) -> None:
        super().__init__(*args, max_length=max_length, **kwargs)

    def clean_text(self, text: str) -> str:
        try:
            return read.check_person_name(read.person_name(text, most=1000))  # what is too long is refused, never cut
        except read.InvalidInput as error:
            raise as_form_error(error) from None


class PhoneField(CleanCharField):
    """A mobile number in whatever way people group it; eleven digits or empty."""

    widget = forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"})

    def clean_text(self, text: str) -> str:
        try:
            return read.phone(text)
        except read.InvalidInput as error:
            raise as_form_error(error) from None


class HouseholdNumberField(CleanCharField):
    """A house number in the form in which two are compared."""

    def __init__(self, *args: Any, max_length: int = 20, **kwargs: Any) -> None:
        super().__init__(*args, max_length=max_length, **kwargs)

    def clean_text(self, text: str) -> str:
        return read.household_number(text)


class CodeField(CleanCharField):
    """A printed number of letters and digits: card, ticket, credit code."""

    def clean_text(self, text: str) -> str:
        return read.code(text)


class IdNumberField(CleanCharField):
    """A resident ID number with look-alike letters put right; the service checks its last digit."""

    def clean_text(self, text: str) -> str:
        return read.id_number(text)


class PinField(CleanCharField):
    """A PIN, also in full-width digits. What is no PIN goes on as typed, for the service to refuse."""

    widget = forms.PasswordInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def clean_text(self, text: str) -> str:
        return read.digits(text) or read.clean_text(text)


class BoundedIntegerField(forms.IntegerField):
    """A whole number between two bounds, in digits of any width."""

    def __init__(self, *args: Any, min_value: int = 0, max_value: int = 1_000_000, **kwargs: Any) -> None:
        super().__init__(*args, min_value=min_value, max_value=max_value, **kwargs)
        self.least, self.most = min_value, max_value

    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        try:
            return read.read_int(value, self.least, self.most)
        except read.InvalidInput as error:
            raise as_form_error(error) from None


class _Bounded(forms.Field):
    def __init__(self, *args: Any, least: Bound = None, most: Bound = None, **kwargs: Any) -> None:
        self.least = least
        self.most = most
        super().__init__(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Tell the browser the bounds of the day on which the form is shown, not of the day the server started."""
        copied = super().__deepcopy__(memo)
        copied.widget.attrs.update(copied.widget_attrs(copied.widget))
        return copied


class BoundedDateField(_Bounded, forms.DateField):
    """A day, by default from 120 years ago to two years ahead; bounds may be callables."""

    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})

    def to_python(self, value: Any) -> dt.date | None:
        if value in self.empty_values:
            return None
        try:
            return read.read_date(value, _now(self.least), _now(self.most))
        except read.InvalidInput as error:
            raise as_form_error(error) from None

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:  # noqa: ARG002
        bounds = {"min": _now(self.least), "max": _now(self.most)}
        return {name: bound.isoformat() for name, bound in bounds.items() if bound is not None}


class BirthDateField(BoundedDateField):
    """A birth date: not before 1900, not in the future."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, least=dt.date(1900, 1, 1), most=timezone.localdate, **kwargs)


class BoundedDateTimeField(_Bounded, forms.DateTimeField):
    """An instant by the village's clock, within the same bounds."""

    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})

    def to_python(self, value: Any) -> dt.datetime | None:
        if value in self.empty_values:
            return None
        try:
            return read.read_datetime(value, _now(self.least), _now(self.most))
        except read.InvalidInput as error:
            raise as_form_error(error) from None

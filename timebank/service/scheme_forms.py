"""What people type about schemes; whether it holds is decided by the services."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from timebank.common.fields import BoundedDateField, BoundedIntegerField, CleanCharField
from timebank.common.idempotency import IdempotentForm
from timebank.common.numbers import format_points
from timebank.policy.engine import Cap, Kind, Period, Rule, Tier
from timebank.policy.models import Scheme
from timebank.policy.questions import Question
from timebank.policy.units import NotReadable, hundredths, read_cap
from timebank.registry.fields import RegionField
from timebank.ui.forms import BaseForm

MOST_BYTES = 512 * 1024
MOST_ROWS = 1000
SALT = "scheme-table"
MOST_DAYS = 366
FIRST_YEAR = 2000


def _day(**attrs: str) -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", **attrs})


class DraftForm(IdempotentForm, BaseForm):
    """A new draft: its name, whose it is, from when."""

    name = CleanCharField(label=gettext_lazy("Name of the scheme"), max_length=80)
    region = RegionField(label=gettext_lazy("For"))
    effective_from = BoundedDateField(label=gettext_lazy("In force from"), widget=_day())
    reason = CleanCharField(label=gettext_lazy("Why"), max_length=200, required=False)

    def __init__(self, *args: Any, regions: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = regions  # type: ignore[attr-defined]


class TableForm(DraftForm):
    """A table file, read before anything is stored; then the same rows come back signed."""

    file = forms.FileField(
        label=gettext_lazy("Table (CSV)"),
        required=False,
        help_text=gettext_lazy("Columns: activity, points, unit; also category, limit, source. One rule a row."),
    )
    rows = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        try:
            data["table"] = self._table(data)
            data["rows"] = ""  # its signature has the time in it: the same table sent again is the same content
        except NotReadable as problem:
            self.add_error("file", str(problem))
        return data

    def _table(self, data: dict[str, Any]) -> list[dict[str, str]]:
        if data.get("rows"):
            try:
                rows: list[dict[str, str]] = signing.loads(data["rows"], salt=SALT, max_age=24 * 3600)
            except signing.BadSignature as error:
                raise NotReadable(_("Choose the file again.")) from error
            return rows
        if data.get("file") is None:
            raise NotReadable(_("Choose a file."))
        return read_upload(data["file"])

    def signed(self) -> str:
        """Return the rows for the hidden field of the preview."""
        return signing.dumps(self.cleaned_data["table"], salt=SALT, compress=True)


def read_upload(upload: Any) -> list[dict[str, str]]:
    """Read an uploaded CSV, UTF-8 or GB18030; raises NotReadable."""
    if upload.size > MOST_BYTES:
        raise NotReadable(_("The file is too large."))
    raw = upload.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    else:
        raise NotReadable(_("The file is no text table."))
    if "\0" in text:
        raise NotReadable(_("The file is no text table."))
    heads = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=heads.count)
    rows = list(csv.DictReader(text.splitlines(), delimiter=delimiter))[: MOST_ROWS + 1]
    if not rows:
        raise NotReadable(_("The table has no rows."))
    if len(rows) > MOST_ROWS:
        raise NotReadable(_("The table has more than %(most)d rows.") % {"most": MOST_ROWS})
    return [{str(head or ""): str(value or "")[:300] for head, value in row.items()} for row in rows]


class RuleForm(BaseForm):
    """What one rule is worth."""

    points = forms.DecimalField(label=gettext_lazy("Points"), min_value=Decimal(0), decimal_places=2, max_digits=9)
    points_max = forms.DecimalField(
        label=gettext_lazy("Highest points"),
        decimal_places=2,
        max_digits=9,
        required=False,
        help_text=gettext_lazy("When the verifier chooses within a range."),
    )
    hours = forms.DecimalField(label=gettext_lazy("For every … hours"), decimal_places=2, max_digits=6, required=False)
    tiers = CleanCharField(
        label=gettext_lazy("Steps (hours = points)"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 5}),
        lines=True,
        help_text=gettext_lazy("One step a line, for example 10 = 2."),
    )
    caps = CleanCharField(
        label=gettext_lazy("Limits"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        lines=True,
        help_text=gettext_lazy("One a line, for example 40/year, 3/month, 20/year/household."),
    )
    most_hours = forms.DecimalField(
        label=gettext_lazy("At most … hours of one activity"), decimal_places=2, max_digits=6, required=False
    )
    organiser = BoundedIntegerField(
        label=gettext_lazy("Organiser, per cent"), min_value=100, max_value=1000, required=False
    )

    def __init__(self, *args: Any, rule: Rule, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _initial(rule))
        super().__init__(*args, **kwargs)
        self.rule = rule
        unused = {
            Kind.OCCURRENCE: ("hours", "tiers"),
            Kind.BLOCK: ("points_max", "tiers"),
            Kind.RATE: ("points_max", "tiers"),
            Kind.STEPPED: ("points", "points_max", "hours"),
            Kind.BANDS: ("points", "points_max", "hours", "tiers"),
        }[rule.kind]
        for name in (*unused, *(() if rule.measure == "minutes" else ("hours", "most_hours"))):
            self.fields.pop(name, None)

    def clean_tiers(self) -> tuple[Tier, ...]:
        """Read the steps, one a line."""
        result = []
        for line in self.cleaned_data["tiers"].splitlines():
            if not line.strip():
                continue
            hours_text, sign, points = line.replace("＝", "=").replace("→", "=").partition("=")
            try:
                result.append(Tier(hundredths(hours_text) * 60 // 100, hundredths(points if sign else "")))
            except NotReadable as error:
                raise forms.ValidationError(str(error)) from error
        return tuple(sorted(result, key=lambda tier: tier.at))

    def clean_caps(self) -> tuple[Cap, ...]:
        """Read the limits, one a line."""
        result = []
        for line in re.split(r"[\n,，]", self.cleaned_data["caps"]):
            if not line.strip():
                continue
            try:
                limit = read_cap(line)
            except NotReadable as error:
                raise forms.ValidationError(str(error)) from error
            if limit.kind == "times":
                result.append(Cap(limit.period, limit.amount * self.rule.points, limit.per))
            elif limit.kind == "points":
                result.append(Cap(limit.period, limit.amount * 100, limit.per))
        return tuple(result)

    def change(self) -> dict[str, Any]:
        """Return the arguments of ``set_rule``."""
        data = self.cleaned_data
        minutes = {name: None if data.get(name) is None else int(data[name] * 60) for name in ("hours", "most_hours")}
        others = tuple((code, percent) for code, percent in self.rule.factors if code != "organiser")
        percent = data.get("organiser")
        return {
            "points": int(data["points"] * 100) if "points" in data else self.rule.points,
            "points_max": None if data.get("points_max") is None else int(data["points_max"] * 100),
            "per": minutes["hours"] or self.rule.per,
            "tiers": data.get("tiers", self.rule.tiers),
            "caps": data["caps"],
            "measure_cap": minutes["most_hours"] if "most_hours" in self.fields else self.rule.measure_cap,
            "factors": (*others, ("organiser", percent)) if percent and percent > 100 else others,
        }


def _initial(rule: Rule) -> dict[str, Any]:
    periods = {Period.ALWAYS: "life", Period.FACT: "activity"}
    hours = lambda minutes: format_points(minutes * 100 // 60)  # noqa: E731
    return {
        "points": Decimal(rule.points) / 100,
        "points_max": None if rule.points_max is None else Decimal(rule.points_max) / 100,
        "hours": hours(rule.per) if rule.per else "",
        "tiers": "\n".join(f"{hours(tier.at)} = {format_points(tier.points)}" for tier in rule.tiers),
        "caps": "\n".join(
            f"{cap.points // 100}/{periods.get(cap.period, cap.period)}"
            + ("/household" if cap.per == "household" else "")
            for cap in rule.caps
        ),
        "most_hours": None if rule.measure_cap is None else hours(rule.measure_cap),
        "organiser": dict(rule.factors).get("organiser"),
    }


class RowForm(IdempotentForm, BaseForm):
    """A new rule, written as a row of a table."""

    activity = CleanCharField(label=gettext_lazy("What is done"), max_length=120)
    points = CleanCharField(label=gettext_lazy("Points"), max_length=12)
    unit = forms.ChoiceField(
        label=gettext_lazy("Counted"),
        choices=(
            ("per_occurrence", gettext_lazy("each time")),
            ("per_hour", gettext_lazy("for every full hour")),
            ("per_4_hours", gettext_lazy("for every full 4 hours")),
            ("per_piece", gettext_lazy("for each piece")),
            ("per_month", gettext_lazy("once a month")),
        ),
    )
    points_max = CleanCharField(label=gettext_lazy("Highest points"), max_length=12, required=False)
    cap = CleanCharField(
        label=gettext_lazy("Limit"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("For example 40/year, 3/month, 20/year/household."),
    )
    source = CleanCharField(label=gettext_lazy("Source"), max_length=200, required=False)


class ApproveForm(BaseForm):
    """The choices that the text leaves open, and in whose name it is approved."""

    def __init__(self, *args: Any, questions: Sequence[Question], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for question in questions:
            self.fields[f"q_{question.key}"] = forms.ChoiceField(
                label=question.text,
                choices=question.options,
                initial=question.preselected,
                widget=forms.RadioSelect,
            )
        self.fields["approved_as"] = CleanCharField(
            label=_("Approved by"), max_length=120, help_text=_("Name and office, or the document.")
        )

    def answers(self) -> dict[str, str]:
        """Return the choices by question."""
        return {name[2:]: value for name, value in self.cleaned_data.items() if name.startswith("q_")}


class AdoptForm(IdempotentForm, BaseForm):
    """Which scheme a place uses from a day on."""

    region = RegionField(label=gettext_lazy("Where"))
    scheme = forms.ModelChoiceField(Scheme.objects.none(), label=gettext_lazy("Scheme"), to_field_name="slug")
    since = BoundedDateField(label=gettext_lazy("From"), widget=_day(), least=timezone.localdate)
    notice_days = BoundedIntegerField(
        label=gettext_lazy("Days of public notice"),
        min_value=0,
        max_value=60,
        required=False,
        help_text=gettext_lazy("Empty: as many as elsewhere."),
    )
    reason = CleanCharField(
        label=gettext_lazy("Decided by"),
        max_length=200,
        help_text=gettext_lazy("For example: meeting of the villagers on 12 June."),
    )

    def __init__(self, *args: Any, regions: Any, schemes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = regions  # type: ignore[attr-defined]
        self.fields["scheme"].queryset = schemes  # type: ignore[attr-defined]


class SimulationForm(BaseForm):
    """Where and when to replay."""

    region = RegionField(label=gettext_lazy("Where"))
    first = BoundedDateField(label=gettext_lazy("From"), widget=_day())
    last = BoundedDateField(label=gettext_lazy("Until"), widget=_day())

    def __init__(self, *args: Any, regions: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = regions  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and not 0 <= (last - first).days <= MOST_DAYS:
            self.add_error("last", _("Choose at most a year, the end not before the beginning."))
        if first and first.year < FIRST_YEAR:
            self.add_error("first", _("Choose a later day."))
        return data

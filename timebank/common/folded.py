"""A column that keeps another folded, so that a search finds it in any spelling."""

from __future__ import annotations

from typing import Any

from django.db import models

from timebank.common.input import fold


class FoldedField(models.CharField):  # type: ignore[type-arg]
    """What ``fold`` makes of the field ``of``, written whenever the row is saved or created in bulk.

    The model is ``KeepsFolded``, so that ``save(update_fields=…)`` brings it along. ``QuerySet.update`` does not.
    """

    def __init__(self, *args: Any, of: str, **kwargs: Any) -> None:
        self.of = of
        kwargs.update(editable=False, blank=True, default="")
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("editable", "blank", "default"):
            kwargs.pop(fixed, None)
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002
        value = fold(getattr(model_instance, self.of))[: self.max_length]
        setattr(model_instance, self.attname, value)
        return value


class KeepsFolded(models.Model):
    """A model with folded columns: they follow wherever their fields are saved."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("update_fields") is not None:
            names = set(kwargs["update_fields"])
            folded = [field for field in self._meta.local_fields if isinstance(field, FoldedField)]
            kwargs["update_fields"] = names | {field.name for field in folded if field.of in names}
        super().save(*args, **kwargs)

"""Work of the registry that nobody waits for."""

from __future__ import annotations

from celery import shared_task

from timebank.registry.models import ResidentImport
from timebank.registry.services.resident_imports import loading
from timebank.registry.services.residents import CONSENT_VERSION


@shared_task(name="registry.load_resident_list", ignore_result=True)
def load_resident_list(pk: int) -> None:
    """Load a long list, batch by batch, with the rights of whoever handed it in."""
    source = ResidentImport.objects.select_related("village", "uploaded_by").filter(pk=pk).first()
    if source is not None and source.status == ResidentImport.Status.LOADING:
        loading.load_import(source=source, actor=source.uploaded_by, consent_version=CONSENT_VERSION)

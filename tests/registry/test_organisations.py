"""Organisations are known by a checked code; the trail of it all is never changed."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from timebank.registry import services
from timebank.registry.errors import InvalidUscc, OrganisationExists
from timebank.registry.models import AuditEntry, Organisation


def test_an_organisation_is_known_by_its_checked_code(places, admin):
    made = services.register_organisation(
        name="合作社", kind="supplier", region=places.village, actor=admin, uscc=" 93371082ma3c123466 "
    )
    assert (made.uscc, made.status) == ("93371082MA3C123466", Organisation.Status.ACTIVE)
    with pytest.raises(OrganisationExists):
        services.register_organisation(
            name="另一个", kind="supplier", region=places.village, actor=admin, uscc="93371082MA3C123466"
        )
    with pytest.raises(InvalidUscc):
        services.register_organisation(
            name="假的", kind="supplier", region=places.village, actor=admin, uscc="93371082MA3C123467"
        )
    assert Organisation.objects.count() == 1


def test_an_organisation_registered_by_anyone_waits(places, resident):
    made = services.register_organisation(
        name="企业", kind="enterprise", region=places.village, actor=resident.user, uscc="91371082MA3E90127N"
    )
    assert made.status == Organisation.Status.PENDING


def test_an_audit_entry_is_never_changed(places, admin):
    entry = services.record_audit(actor=admin, action="x", subject="y:1", region=places.village)
    entry.reason = "other"
    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()
    with pytest.raises(TypeError):
        AuditEntry.objects.all().delete()
    with pytest.raises(TypeError):
        AuditEntry.objects.update(reason="other")
    with pytest.raises(DatabaseError), transaction.atomic():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("UPDATE registry_auditentry SET why = 'other' WHERE id = %s", [entry.pk])
    entry.refresh_from_db()
    assert entry.reason == ""

"""Who and where. Other apps import from here, not from the files beside it."""

from __future__ import annotations

from timebank.registry.models.accounts import Device, PasswordCode, PersonalRead, PhoneChange, StaffPin
from timebank.registry.models.audit import AuditEntry
from timebank.registry.models.cases import CorrectionRequest, ResidentCase
from timebank.registry.models.imports import (
    DistinctPair,
    ResidentImport,
    ResidentImportQuestion,
    ResidentImportRow,
    ResidentSource,
)
from timebank.registry.models.organisations import Organisation
from timebank.registry.models.people import Card, Consent, HelperRequest, Household, Proxy, Residence, Resident
from timebank.registry.models.regions import Region, RegionCode
from timebank.registry.models.users import Role, RoleClash, RoleGrant, SuccessorProposal, User

__all__ = [
    "AuditEntry",
    "Card",
    "Consent",
    "CorrectionRequest",
    "Device",
    "DistinctPair",
    "HelperRequest",
    "Household",
    "Organisation",
    "PasswordCode",
    "PersonalRead",
    "PhoneChange",
    "Proxy",
    "Region",
    "RegionCode",
    "Residence",
    "Resident",
    "ResidentCase",
    "ResidentImport",
    "ResidentImportQuestion",
    "ResidentImportRow",
    "ResidentSource",
    "Role",
    "RoleClash",
    "RoleGrant",
    "StaffPin",
    "SuccessorProposal",
    "User",
]

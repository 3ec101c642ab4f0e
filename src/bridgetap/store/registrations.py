"""Registrations: where a user's phones are. A row goes when the phone unregisters or its time is up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRecord:
    """One contact of one user."""

    username: str
    contact: str
    transport: str
    source: str
    call_id: str
    cseq: int
    user_agent: str = ""
    created_ns: int
    expires_ns: int

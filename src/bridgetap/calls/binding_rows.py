"""Bindings in the store: a registration outlives the process, its connection does not."""

from collections.abc import Iterable
from typing import cast

from bridgetap.clock import Clock
from bridgetap.engine import Transport
from bridgetap.store import RegistrationRecord, Store

from .registrar import Binding


class BindingRows:
    """A `BindingStore` on the store."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def load(self) -> Iterable[Binding]:
        rows = await self._store.registrations.of_node(self._store.node, now_ns=self._clock.now_ns())
        return [_binding(row) for row in rows]

    def save(self, user: str, bindings: Iterable[Binding]) -> None:
        self._store.put_registrations(user, [_row(binding) for binding in bindings])


def _binding(row: RegistrationRecord) -> Binding:
    return Binding(
        user=row.username,
        contact=row.contact,
        instance=row.instance,
        q=row.q,
        expires_ns=row.expires_ns,
        call_id=row.call_id,
        cseq=row.cseq,
        transport=cast("Transport", row.transport),
        source=row.source,
        flow=None,
    )


def _row(binding: Binding) -> RegistrationRecord:
    return RegistrationRecord(
        username=binding.user,
        contact=binding.contact,
        instance=binding.instance,
        q=binding.q,
        transport=binding.transport,
        source=binding.source,
        call_id=binding.call_id,
        cseq=binding.cseq,
        expires_ns=binding.expires_ns,
    )

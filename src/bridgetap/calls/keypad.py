"""The keys that a party has pressed and nobody has taken yet."""

from asyncio import Queue

from .leg_states import Notice, Pressed
from .parties import Party

MOST = 64  # keys typed ahead; those beyond are dropped


class Keypad:
    """Keeps keys from the moment it is made: those typed ahead count."""

    def __init__(self, party: Party) -> None:
        self._keys: Queue[str] = Queue(MOST)
        party.watch(self._heard)

    @property
    def is_empty(self) -> bool:
        return self._keys.empty()

    async def next(self) -> str:
        """The oldest key that is left, or the next one."""
        return await self._keys.get()

    def forget(self) -> None:
        """What was pressed until now was meant for somebody else."""
        while not self._keys.empty():
            self._keys.get_nowait()

    def _heard(self, party: Party, notice: Notice) -> None:
        if isinstance(notice, Pressed):
            for key in notice.digits:
                if not self._keys.full():
                    self._keys.put_nowait(key)

"""Whether every message and every chunk came, once and in order. Pure: numbers in, counts out."""

from dataclasses import dataclass

_REMEMBERED = 4096  # gaps farther back than this stay missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What was wrong with a series of numbers; all zero is a perfect one."""

    missing: int = 0
    repeated: int = 0
    out_of_order: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.repeated or self.out_of_order)

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(
            missing=self.missing + other.missing,
            repeated=self.repeated + other.repeated,
            out_of_order=self.out_of_order + other.out_of_order,
        )


class Series:
    """Numbers that ought to come as 1, 2, 3 …, or from `first` on; None: from whatever comes first."""

    def __init__(self, first: int | None = 1) -> None:
        self._next = first
        self._gaps: dict[int, None] = {}  # in order, oldest first
        self._missing = 0
        self._repeated = 0
        self._out_of_order = 0

    @property
    def faults(self) -> Faults:
        return Faults(missing=self._missing, repeated=self._repeated, out_of_order=self._out_of_order)

    @property
    def last(self) -> int | None:
        """The highest number so far."""
        return None if self._next is None else self._next - 1

    def has(self, number: int) -> bool:
        """Whether it came before, as far back as gaps are remembered."""
        return self._next is not None and number < self._next and number not in self._gaps

    def take(self, number: int) -> int:
        """Note `number`; returns how many were skipped just before it (0 when it is as expected)."""
        expected = number if self._next is None else self._next
        skipped = max(0, number - expected)
        if number >= expected:
            self._missing += skipped
            self._gaps.update(dict.fromkeys(range(max(expected, number - _REMEMBERED), number)))
            while len(self._gaps) > _REMEMBERED:
                del self._gaps[next(iter(self._gaps))]
            self._next = number + 1
        elif number in self._gaps:
            del self._gaps[number]
            self._missing -= 1
            self._out_of_order += 1
        else:
            self._repeated += 1
        return skipped

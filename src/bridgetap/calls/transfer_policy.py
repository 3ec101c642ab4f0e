"""Who may transfer a call, and to what: `[calls] transfer_by`, `transfer_to`, and a trunk's `transfer`."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridgetap.flow.effects import ClientTarget, DialTarget, NumberTarget, SipTarget

TransferBy: TypeAlias = Literal["nobody", "users", "everybody"]
TransferTo: TypeAlias = Literal["client", "number", "sip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPolicy:
    """A transfer dials on somebody else's bill: so a stranger may ask for none."""

    by: TransferBy = "users"
    to: tuple[TransferTo, ...] = ("client", "number")

    def lets(self, *, user: str | None, trunk_may: bool) -> bool:
        """Whether that party may: a registered phone, or one behind a trunk that may."""
        return self.by == "everybody" or (self.by == "users" and (user is not None or trunk_may))

    def leads_to(self, target: DialTarget) -> bool:
        match target:
            case ClientTarget():
                return "client" in self.to
            case NumberTarget():
                return "number" in self.to
            case SipTarget():
                return "sip" in self.to

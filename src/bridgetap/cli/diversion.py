"""What the simulator puts in the place of the outside world: nothing leaves the machine.

Everybody who is dialled is the callee's phone, every stream goes to the built-in receiver, and HTTP
reaches nobody. The flow's own numbers, URLs and names are still read, judged and signed.
"""

from dataclasses import replace
from typing import assert_never

import httpx

from bridgetap.calls import Router
from bridgetap.calls.routing import Branch
from bridgetap.engine import Core, ForkId, ForkTarget, LegHandle, MediaCore, PromptId
from bridgetap.engine.native import NativeLeg
from bridgetap.flow.effects import ClientTarget, DialTarget, NumberTarget, SipTarget


def callee_router(callee_uri: str) -> type[Router]:
    """A router that rings one phone for everybody."""

    class CalleeRouter(Router):
        def branches(self, target: DialTarget, *, caller_id: str) -> list[Branch]:
            """The flow's target is shown and recorded; the INVITE goes to the callee."""
            (branch,) = super().branches(SipTarget(uri=callee_uri), caller_id=caller_id)
            return [tuple(replace(destination, to_number=_shown(target)) for destination in branch)]

    return CalleeRouter


def _shown(target: DialTarget) -> str:
    match target:
        case NumberTarget():
            return target.number
        case SipTarget():
            return target.uri
        case ClientTarget():
            return f"client:{target.identity}"
        case _:
            assert_never(target)


def divert_streams(core: Core, *, host: str, port: int) -> None:
    """From now on every fork dials `host:port`, whatever its URL says; path and headers stay."""
    core.media = _DivertedMedia(core.media, host, port)


def no_network_client() -> httpx.AsyncClient:
    """A client whose every request fails as if the network were down."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("the simulator reaches no network without --allow-network", request=request)

    return httpx.AsyncClient(transport=httpx.MockTransport(refuse))


class _DivertedMedia:
    """The media core, with legs whose forks are diverted."""

    def __init__(self, media: MediaCore, host: str, port: int) -> None:
        self._media = media
        self._host, self._port = host, port

    def open_leg(self, *, address: str, label: str = "") -> LegHandle:
        leg = self._media.open_leg(address=address, label=label)
        return _DivertedLeg(leg, self._host, self._port) if isinstance(leg, NativeLeg) else leg

    def load_prompt(self, pcm: bytes, *, rate: int) -> PromptId:
        return self._media.load_prompt(pcm, rate=rate)

    def drop_prompt(self, prompt: PromptId) -> None:
        self._media.drop_prompt(prompt)

    def stats(self) -> dict[str, int]:
        return self._media.stats()

    def close(self) -> None:
        self._media.close()


class _DivertedLeg(NativeLeg):
    """One leg of the real core; it still bridges with its like."""

    def __init__(self, leg: NativeLeg, host: str, port: int) -> None:
        super().__init__(leg.handle)
        self._host, self._port = host, port

    def fork(self, target: ForkTarget) -> ForkId:
        endpoint = replace(target.endpoints[0], host=self._host, port=self._port, trusted_ca=None, pins=())
        return super().fork(replace(target, endpoints=(endpoint,)))

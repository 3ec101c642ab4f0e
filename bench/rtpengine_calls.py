"""`python -m bench.rtpengine_calls`: the signalling for an rtpengine that relays the load's calls and forks them.

Both phones of the load are one socket, and read no Via: each message goes back to where it came from, with
rtpengine's address in its SDP. A line on the standard input, `record` or `stop`, begins or ends the forks of all
calls; `done` is said when they are.
"""

import argparse
import re
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field

from bench.ng import Control
from bench.sip_words import body, call_id, tag, with_body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sip-port", type=int, required=True)
    parser.add_argument("--phones", type=int, required=True, help="the load's SIP port")
    parser.add_argument("--control", type=int, required=True, help="rtpengine's ng port")
    parser.add_argument("--recorder", type=int, required=True, help="where both tracks go, a UDP port")
    options = parser.parse_args()
    calls = Calls(control=_connected(options.control), recorder=options.recorder)
    signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    signalling.bind(("127.0.0.1", options.sip_port))
    print("listening", flush=True)
    with selectors.DefaultSelector() as waiting:
        waiting.register(signalling, selectors.EVENT_READ)
        waiting.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is signalling:
                    relayed = calls.relay(signalling.recv(65_536).decode())
                    signalling.sendto(relayed.encode(), ("127.0.0.1", options.phones))
                elif not (word := sys.stdin.readline()):
                    return
                else:
                    calls.record() if word.strip() == "record" else calls.stop()
                    print("done", flush=True)


def _connected(port: int, *, within_s: float = 10) -> Control:
    control = Control(port, timeout_s=2)
    deadline = time.monotonic() + within_s
    while True:
        try:
            control.ask("ping")
            return control
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@dataclass(kw_only=True)
class Calls:
    """The calls that rtpengine relays."""

    control: Control
    recorder: int
    parties: dict[str, tuple[str, str]] = field(default_factory=dict)  # by Call-ID, both tags

    def relay(self, message: str) -> str:
        """The message as it goes on. An INVITE's and its 200's SDP pass rtpengine."""
        call = call_id(message)
        if message.startswith("BYE "):
            self.parties.pop(call, None)
        if not (sdp := body(message)):
            return message
        how = {"call_id": call, "from_tag": tag(message, "From"), "sdp": sdp, "replace": ["origin"], "ICE": "remove"}
        if message.startswith("INVITE "):
            return with_body(message, self.control.sdp("offer", **how))
        self.parties[call] = tag(message, "From"), tag(message, "To")
        return with_body(message, self.control.sdp("answer", **how, to_tag=tag(message, "To")))

    def record(self) -> None:
        """What either party says goes to the recorder too, from now on."""
        for call, parties in self.parties.items():
            for party in parties:
                self._fork(call, party)

    def stop(self) -> None:
        """And no longer."""
        for call, parties in self.parties.items():
            for party in parties:
                self.control.ask("unsubscribe", call_id=call, to_tag=_recorder_tag(party))

    def _fork(self, call: str, party: str) -> None:
        to = _recorder_tag(party)
        offer = self.control.sdp("subscribe request", call_id=call, from_tag=party, to_tag=to)
        # It subscribes only where every codec that it offers is taken.
        answer = re.sub(r"m=audio \d+", f"m=audio {self.recorder}", offer).replace("a=sendonly", "a=recvonly")
        answer = re.sub(r"a=rtcp:\d+", f"a=rtcp:{self.recorder + 1}", answer)
        self.control.ask("subscribe answer", call_id=call, to_tag=to, sdp=answer)


def _recorder_tag(party: str) -> str:
    return f"recorder-{party}"


if __name__ == "__main__":
    main()

"""`python -m bench.rtpengine_calls`: the signalling for an rtpengine that relays the load's calls and forks them.

Both phones of the load are one socket, and read no Via: each message goes back to where it came from, with
rtpengine's address in its SDP. Calls without `--recorder` are relayed only.
"""

import argparse
import re
import socket
import time

from bench.ng import Control
from bench.sip_words import body, call_id, tag, with_body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sip-port", type=int, required=True)
    parser.add_argument("--phones", type=int, required=True, help="the load's SIP port")
    parser.add_argument("--control", type=int, required=True, help="rtpengine's ng port")
    parser.add_argument("--recorder", type=int, default=0, help="where both tracks go, a UDP port")
    options = parser.parse_args()
    control = _connected(options.control)
    signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    signalling.bind(("127.0.0.1", options.sip_port))
    print("listening", flush=True)
    while True:
        message = signalling.recv(65_536).decode()
        signalling.sendto(_relayed(message, control, options.recorder).encode(), ("127.0.0.1", options.phones))


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


def _relayed(message: str, control: Control, recorder: int) -> str:
    """The message as it goes on. An INVITE's and its 200's SDP pass rtpengine; the 200 begins the forks."""
    if not (sdp := body(message)):
        return message
    call = {"call_id": call_id(message), "from_tag": tag(message, "From")}
    how = {"sdp": sdp, "replace": ["origin"], "ICE": "remove"}
    if message.startswith("INVITE "):
        return with_body(message, control.sdp("offer", **call, **how))
    answer = control.sdp("answer", **call, to_tag=tag(message, "To"), **how)
    if recorder:
        for party in (tag(message, "From"), tag(message, "To")):
            _fork(control, call_id(message), party, recorder)
    return with_body(message, answer)


def _fork(control: Control, call: str, party: str, recorder: int) -> None:
    """What that party says goes to the recorder too."""
    to = f"recorder-{party}"
    offer = control.sdp("subscribe request", call_id=call, from_tag=party, to_tag=to)
    # It subscribes only where every codec that it offers is taken.
    answer = re.sub(r"m=audio \d+", f"m=audio {recorder}", offer).replace("a=sendonly", "a=recvonly")
    answer = re.sub(r"a=rtcp:\d+", f"a=rtcp:{recorder + 1}", answer)
    control.ask("subscribe answer", call_id=call, to_tag=to, sdp=answer)


if __name__ == "__main__":
    main()

"""Receivers that misbehave, one way for each path: `python -m bench.hostile_receivers --cert PEM --key PEM`.

Prints `listening PORT`. One connection in ten never speaks TLS, another is reset at once.
"""

import argparse
import base64
import hashlib
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hostile_receivers", description=__doc__)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    print(f"listening {listener.getsockname()[1]}", flush=True)
    turn = 0
    while True:
        raw, _ = listener.accept()
        turn += 1
        threading.Thread(target=_serve, args=(raw, context, turn), daemon=True).start()


def _serve(raw: socket.socket, context: ssl.SSLContext, turn: int) -> None:
    try:
        if turn % 10 == 0:
            time.sleep(3600)
        if turn % 10 == 5:
            _reset(raw)
            return
        peer = context.wrap_socket(raw, server_side=True)
        head = b""
        while b"\r\n\r\n" not in head:
            more = peer.recv(4096)
            if not more:
                return
            head += more
        path = head.split(b" ", 2)[1].decode("latin-1").rsplit("/", 1)[-1]
        WAYS[path](peer, head)
    except OSError:
        pass  # the other side had enough


def upgrade(peer: ssl.SSLSocket, head: bytes) -> None:
    """The 101 that it should be."""
    key = next(
        line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def stall(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    time.sleep(3600)


def trickle(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    while peer.recv(1):
        time.sleep(1)


def no_answer(peer: ssl.SSLSocket, _head: bytes) -> None:
    time.sleep(3600)


def endless_headers(peer: ssl.SSLSocket, _head: bytes) -> None:
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
    while True:
        peer.sendall(b"X-More: " + b"a" * 100 + b"\r\n")
        time.sleep(0.001)


def refuse(peer: ssl.SSLSocket, _head: bytes) -> None:
    peer.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    peer.close()


def wrong_accept(peer: ssl.SSLSocket, _head: bytes) -> None:
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
    )
    time.sleep(3600)


def huge_frame(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    peer.sendall(b"\x82\x7f" + struct.pack("!Q", 1 << 62))
    while True:
        peer.sendall(os.urandom(1024))
        time.sleep(0.001)


def ping_flood(peer: ssl.SSLSocket, head: bytes) -> None:
    """4000 pings a second: this program shares its core with the load, which must keep time."""
    upgrade(peer, head)
    pings = b"\x89\x7d" + b"p" * 125
    while True:
        peer.sendall(pings * 8)
        time.sleep(0.002)


def masked(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    peer.sendall(b"\x81\x82abcd" + bytes((ord("h") ^ ord("a"), ord("i") ^ ord("b"))))
    time.sleep(3600)


def nonsense(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    while True:
        text = b'{"event":"media","media":{"payload":"////"}}'
        peer.sendall(b"\x81" + bytes((len(text),)) + text)
        time.sleep(0.005)


def binary(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    peer.sendall(b"\x82\x7e" + struct.pack("!H", 4000) + os.urandom(4000))
    time.sleep(3600)


def cut_in_a_frame(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    peer.sendall(b"\x81\x7e\x10\x00half")
    _reset(peer)


def close_at_once(peer: ssl.SSLSocket, head: bytes) -> None:
    upgrade(peer, head)
    peer.sendall(b"\x88\x02" + struct.pack("!H", 1011))
    time.sleep(3600)


def _reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


Way = Callable[[ssl.SSLSocket, bytes], None]

WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (
        stall, trickle, no_answer, endless_headers, refuse, wrong_accept, huge_frame, ping_flood, masked, nonsense,
        binary, cut_in_a_frame, close_at_once,
    )
}  # fmt: skip

if __name__ == "__main__":
    main()

"""The web server that our tests let callbacks go to."""

import socket

from .callback_server import callback_server


def test_a_callback_whose_sender_was_killed_in_the_middle_of_it_has_not_come() -> None:
    with callback_server("0123456789abcdef") as told:
        with socket.create_connection(("127.0.0.1", told.port), timeout=5) as sender:
            sender.sendall(
                b"POST /stream-status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n"
                b"X-Twilio-Signature: x\r\nI-Twilio-Idempotency-Token: t\r\n\r\nStreamSid=MZ"
            )
            sender.shutdown(socket.SHUT_WR)
            assert sender.recv(1) == b""
        assert (told.taken, told.unsigned) == ([], 0)

"""Our recording client at our own recorder that lets in only whom it knows (RFC 7866 §12.1): checklist 64, 68."""

from pathlib import Path

import pytest

from bridgetap.recorder import Conduct, RecorderConfig, open_recorder
from bridgetap.siprec.orders import Over, PassedOver, Started
from tests.interop.certificates import Authority

from .stage import assert_unhurt, speaking, until


class Files:
    """An authority of the recorder's and one of its clients', each in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.theirs, self.ours, self.strangers = (_authority(folder / name) for name in ("theirs", "ours", "strangers"))
        self.server = self.theirs.issue(folder, "server")

    def connector(self, authority: Authority, shown: Authority | None) -> dict[str, str]:
        named = {"trusted_ca": str(authority.path)}
        if shown is None:
            return named
        certificate, key = shown.issue(shown.path.parent, "us", names=("us",))
        return named | {"client_certificate": str(certificate), "client_key": str(key)}


def _authority(folder: Path) -> Authority:
    folder.mkdir()
    return Authority.make(folder, f"{folder.name} CA")


async def test_it_is_recorded_where_our_certificate_is_known_and_nowhere_else(tmp_path: Path) -> None:
    """68: and at the next recorder when one drops the call, with the certificate again."""
    files = Files(tmp_path)
    certificate, key = files.server
    config = RecorderConfig(
        folder=tmp_path / "recordings",
        listen=("tls://127.0.0.1:0",),
        conducts=(Conduct(fail_after_s=0.5), Conduct()),
        certificate=certificate,
        key=key,
        client_ca=files.ours.path,
    )
    async with open_recorder(config) as recorder, speaking() as caller:
        uri = recorder.uri("tls")
        for shown in (None, files.strangers):
            refused = caller.record(uri, **files.connector(files.theirs, shown))
            await refused.over()
        untrusted = caller.record(uri, **files.connector(files.strangers, files.ours))
        await untrusted.over()
        assert [told.code for told in caller.told] == [31910] * 6
        assert "the only authorities trusted there" in caller.told[-1].detail
        assert recorder.count == 0
        caller.told.clear()
        both = (uri, uri.replace("sip:recorder", "sip:second"))
        # Its BYE cannot reach who listens on no TLS: what is lost is found out by asking, over TLS as well.
        running = caller.record(*both, ping_s=0.2, **files.connector(files.theirs, files.ours))
        await until(lambda: recorder.count == 2)
        second = await recorder.recording(1)
        await until(lambda: len(second.tracks) == 2)
        await running.stop()
        assert [type(told) for told in caller.told] == [Started, PassedOver, Over]
        assert caller.told[-1] == Over(reason="stopped")
        await until(lambda: second.done.is_set())
        assert second.ended == "bye"  # which came over TLS too: the recorder listens on nothing else
        assert_unhurt(caller)


async def test_a_certificate_that_is_renewed_counts_with_the_next_recording(tmp_path: Path) -> None:
    """68: what is gone is told with the code of a broken connector."""
    files = Files(tmp_path)
    certificate, key = files.server
    config = RecorderConfig(
        folder=tmp_path / "recordings",
        listen=("tls://127.0.0.1:0",),
        certificate=certificate,
        key=key,
        client_ca=files.ours.path,
    )
    async with open_recorder(config) as recorder, speaking() as caller:
        named = files.connector(files.theirs, files.strangers)
        old = caller.record(recorder.uri("tls"), **named)
        await old.over()
        for path in files.ours.issue(files.ours.path.parent, "us", names=("us",)):
            (files.strangers.path.parent / path.name).write_bytes(path.read_bytes())
        new = caller.record(recorder.uri("tls"), **named)
        await until(lambda: any(isinstance(told, Started) for told in caller.told))
        await new.stop()
        named["client_key"] += ".gone"
        gone = caller.record(recorder.uri("tls"), **named)
        await gone.over()
    assert [told.code for told in caller.told if isinstance(told, Over)] == [31910, 0, 31942]
    assert "client_key: " in caller.told[-1].detail


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_files_of_tls_are_of_no_matter_elsewhere(tmp_path: Path, transport: str) -> None:
    files = Files(tmp_path)
    async with open_recorder(RecorderConfig(folder=tmp_path / "recordings")) as recorder, speaking() as caller:
        running = caller.record(recorder.uri(transport), **files.connector(files.theirs, files.ours))
        await until(lambda: any(isinstance(told, Started) for told in caller.told))
        await running.stop()

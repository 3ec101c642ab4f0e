"""What crosses: words of a phone that we have given up already, a decision that comes while we are about to act."""

from pathlib import Path

import pytest

from bridgetap.engine import DialogId
from bridgetap.engine.virtual_loop import run_virtual

from .stage import Stage, connect, sdp


@pytest.mark.parametrize("late", [(180, b""), (183, sdp(port=50009))])
def test_what_a_cancelled_phone_still_says_is_not_heard_over_the_talk(tmp_path: Path, late: tuple[int, bytes]) -> None:
    """Its 180 or 183 and our CANCEL cross."""

    async def main() -> None:
        to = "+15550000001" if late[1] else "+15550000001,+15550000002"
        states = (connect(noun="number-multi", to=to, timeout=5, then="two"), connect("two"))
        async with Stage(tmp_path, *states).running() as stage:
            await stage.call()
            cancelled = stage.dialled()[-1]
            stage.fake.sip.open.discard(DialogId(cancelled))  # its end takes a while
            if late[1]:
                await stage.settle(6)
            await stage.answers(stage.dialled()[-1] if late[1] else stage.dialled()[0])
            talking = stage.leg(1).peer
            assert talking is not None
            await stage.ringing(cancelled, *late)
            assert stage.leg(1).peer is talking
            assert stage.leg(1).playing == []
            stage.fake.sip.open.add(DialogId(cancelled))
            await stage.hang_up(cancelled, cause="cancelled", status=487)
            assert stage.leg(1).peer is talking

    run_virtual(main())

"""Who talks on a call now: the news of it, folded."""

from dataclasses import dataclass, replace

from bridgetap.flow.effects import Track

from .news import Hold, Participant, StreamNews


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Seen from the leg that carries the streams. None where nobody joined: the party of the call itself
    (inbound), or this server, which speaks to it (outbound)."""

    inbound: Participant | None = None
    outbound: Participant | None = None
    holding: frozenset[Track] = frozenset()  # who put the other one on hold

    def after(self, news: StreamNews) -> "Picture":
        match news:
            case Hold():
                holding = self.holding | {news.track} if news.held else self.holding - {news.track}
                return replace(self, holding=holding)
            case Participant(joined=True):
                return self._with(news.track, news)
            case Participant():
                here = self.inbound if news.track == "inbound" else self.outbound
                gone = here is None or (here.call_sid, here.address) == (news.call_sid, news.address)
                return self._with(news.track, None) if gone else self

    def _with(self, track: Track, who: Participant | None) -> "Picture":
        return replace(self, inbound=who) if track == "inbound" else replace(self, outbound=who)

"""Nodes: when each server last said that it lives."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Table, Text

from .kind import METADATA, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """One server."""

    node: str
    seen_ns: int


NODES = Kind(
    record=NodeRecord,
    history=True,  # a beat may be dropped when the disk is behind
    table=Table(
        "nodes",
        METADATA,
        Column("node", Text, primary_key=True),
        Column("seen_ns", BigInteger, nullable=False),
    ),
)

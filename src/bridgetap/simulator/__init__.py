"""Runs a flow without a telephone: `dry` on a virtual clock, with scripted answers and no media."""

from .dry import DryRun
from .http_stub import HttpStub
from .script import DialAnswer, KeyPress, Script
from .transcript import Entry, Transcript

__all__ = ["DialAnswer", "DryRun", "Entry", "HttpStub", "KeyPress", "Script", "Transcript"]

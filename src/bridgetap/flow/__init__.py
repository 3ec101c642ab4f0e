"""The flow engine: runs a Studio definition. Knows nothing of SIP, media or storage; reads no clock.

Effects (`flow.effects`) are what a flow asks for, events (`flow.events`) are what it is told.
"""

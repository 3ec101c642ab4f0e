"""Every widget type that real flows hold (spec/twilio §1.4, spec/studio §4).

A type of this list that has no widget here parses, and is named as unsupported when reached; any
other type is a mistake in the definition.
"""

KNOWN_TYPES = frozenset(
    {
        "add-member-to-chat-channel",
        "add-twiml-redirect",
        "capture-payments",
        "connect-call-to",
        "connect-virtual-agent",
        "connect-virtual-agent-v2",
        "create-chat-channel",
        "create-task",
        "enqueue-call",
        "fork-stream",
        "gather-input-on-call",
        "make-http-request",
        "make-outgoing-call-v1",
        "make-outgoing-call-v2",
        "record-call",
        "record-voicemail",
        "resume-conversation",
        "run-conversation-relay",
        "run-function",
        "run-function-v2",
        "run-model-inference",
        "run-subflow",
        "say-play",
        "send-and-wait-for-reply",
        "send-message",
        "send-to-auto-pilot",
        "send-to-flex",
        "set-variables",
        "split-based-on",
        "start-conversation",
        "trigger",
        "understand",
        "update-sync-object",
    }
)

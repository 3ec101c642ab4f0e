"""The first schema: calls, executions, steps, streams, notifications, registrations, nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("account_sid", sa.Text(), nullable=False),
        sa.Column("parent_call_sid", sa.Text(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("from_", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=True),
        sa.Column("forwarded_from", sa.Text(), nullable=True),
        sa.Column("trunk", sa.Text(), nullable=True),
        sa.Column("sip_call_id", sa.Text(), nullable=True),
        sa.Column("execution_sid", sa.Text(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=True),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_created_ns_sid", "calls", ["created_ns", "sid"], unique=False)
    op.create_index("ix_calls_node_ended_ns", "calls", ["node", "ended_ns"], unique=False)
    op.create_index(op.f("ix_calls_parent_call_sid"), "calls", ["parent_call_sid"], unique=False)
    op.create_table(
        "executions",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("account_sid", sa.Text(), nullable=False),
        sa.Column("flow_sid", sa.Text(), nullable=False),
        sa.Column("flow_name", sa.Text(), nullable=False),
        sa.Column("flow_version", sa.Integer(), nullable=False),
        sa.Column("call_sid", sa.Text(), nullable=True),
        sa.Column("contact_channel_address", sa.Text(), nullable=False),
        sa.Column("initiated_by", sa.Text(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_executions")),
    )
    op.create_index(op.f("ix_executions_call_sid"), "executions", ["call_sid"], unique=False)
    op.create_index("ix_executions_flow_sid_created_ns", "executions", ["flow_sid", "created_ns"], unique=False)
    op.create_index("ix_executions_node_ended_ns", "executions", ["node", "ended_ns"], unique=False)
    op.create_table(
        "nodes",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("seen_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_nodes")),
    )
    op.create_table(
        "notifications",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("account_sid", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("call_sid", sa.Text(), nullable=True),
        sa.Column("execution_sid", sa.Text(), nullable=True),
        sa.Column("stream_sid", sa.Text(), nullable=True),
        sa.Column("widget", sa.Text(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_call_sid"), "notifications", ["call_sid"], unique=False)
    op.create_index("ix_notifications_created_ns_sid", "notifications", ["created_ns", "sid"], unique=False)
    op.create_table(
        "registrations",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("q", sa.Float(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("cseq", sa.Integer(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "username", "contact", name=op.f("pk_registrations")),
    )
    op.create_table(
        "steps",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("account_sid", sa.Text(), nullable=False),
        sa.Column("flow_sid", sa.Text(), nullable=False),
        sa.Column("execution_sid", sa.Text(), nullable=False),
        sa.Column("parent_step_sid", sa.Text(), nullable=True),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("transitioned_from", sa.Text(), nullable=False),
        sa.Column("transitioned_to", sa.Text(), nullable=False),
        sa.Column("widget_type", sa.Text(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_steps")),
    )
    op.create_index("ix_steps_execution_sid_index", "steps", ["execution_sid", "index"], unique=False)
    op.create_table(
        "streams",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("account_sid", sa.Text(), nullable=False),
        sa.Column("call_sid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("tracks", sa.JSON(), nullable=False),
        sa.Column("parameter_names", sa.JSON(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=True),
        sa.Column("connect_ms", sa.Float(), nullable=True),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("close_code", sa.Integer(), nullable=True),
        sa.Column("frames_sent", sa.BigInteger(), nullable=False),
        sa.Column("ms_sent", sa.BigInteger(), nullable=False),
        sa.Column("ms_dropped", sa.BigInteger(), nullable=False),
        sa.Column("ms_repaired", sa.BigInteger(), nullable=False),
        sa.Column("lag_max_ms", sa.BigInteger(), nullable=False),
        sa.Column("latency_p50_us", sa.BigInteger(), nullable=False),
        sa.Column("latency_p99_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_streams")),
    )
    op.create_index(op.f("ix_streams_call_sid"), "streams", ["call_sid"], unique=False)
    op.create_index("ix_streams_node_ended_ns", "streams", ["node", "ended_ns"], unique=False)

"""How a leg's audio came and went, with its call."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("packets_received", "packets_sent", "packets_lost"):
        op.add_column("calls", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("calls", sa.Column("jitter_ms", sa.Float(), nullable=True))

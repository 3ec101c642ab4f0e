"""What a stream that was resumed had to go through: connections, audio sent again, audio missing."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("streams", sa.Column("reconnects", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("streams", sa.Column("ms_replayed", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("streams", sa.Column("ms_missing", sa.BigInteger(), nullable=False, server_default="0"))

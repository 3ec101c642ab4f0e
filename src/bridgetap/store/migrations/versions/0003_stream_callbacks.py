"""Whom a stream's life is told to: kept with its row, so that the end is told even after a crash."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("streams", sa.Column("callback", sa.Text(), nullable=False, server_default=""))

"""Whom a call's end is told to: kept with its row, so that it is told even after a crash."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("callback", sa.Text(), nullable=False, server_default=""))

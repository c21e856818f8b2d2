"""The first and the newest predictions of a model, found without reading the others."""

from alembic import op

revision = "2026_11_25_health"
down_revision = "2026_11_25_channels"
branch_labels = None
depends_on = None

INDEX = "ix_prediction_task_model_version_id"


def upgrade() -> None:
    op.create_index(INDEX, "prediction", ["task", "model_version", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(INDEX, table_name="prediction")

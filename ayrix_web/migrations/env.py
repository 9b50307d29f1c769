"""What Alembic runs: the PBX's tables against its database."""

from ayrix_foundation.migrations import run
from ayrix_web.rows import Base

run(Base.metadata)

"""What Alembic runs: the license server's tables against its database."""

from ayrix_foundation.migrations import run
from ayrix_license_server.rows import Base

run(Base.metadata)

"""`python -m ayrix_web.cli`, the same as `ayrix-web`."""

import sys

from ayrix_web.cli import main

sys.exit(main())

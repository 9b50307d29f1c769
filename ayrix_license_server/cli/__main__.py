"""`python -m ayrix_license_server.cli`, the same as `ayrix-license-server`."""

from ayrix_license_server.cli import main

main()

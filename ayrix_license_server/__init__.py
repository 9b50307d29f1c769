"""The vendor's license server: catalog, customers, licenses, leases and orders."""

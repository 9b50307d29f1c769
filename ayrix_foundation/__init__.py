"""The floor both programs stand on; it knows no license."""

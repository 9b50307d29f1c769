"""The pages of a PBX for a WSGI server: `AYRIX_INSTANCE=... gunicorn wsgi:app`."""

from ayrix_web.app import create_app

app = create_app()

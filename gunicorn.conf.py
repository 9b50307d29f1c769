"""How gunicorn runs a program of ours: one worker with threads, which the smallest PBX can carry.

The command line says which one: `gunicorn wsgi:app` for the pages of a PBX, `gunicorn
'ayrix_license_server.app:create_app()'` for the license server.
"""

bind = "127.0.0.1:8080"
workers = 1  # a process keeps the license state it computed; more workers only cost memory
worker_class = "gthread"
threads = 4
timeout = 60  # the license server may take 20 s to answer one of several requests of a page
graceful_timeout = 10
keepalive = 5
control_socket_disable = True  # nothing uses it, and it would be one more way in
forwarder_headers = ""  # no header stands for the path, not even one from this machine

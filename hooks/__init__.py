"""Ways in: a vendor's bytes become canonical events.

Nothing here opens a socket, reads a clock or knows Flask. A source is one module and one line
in ``registry.py``; vendors' words stop here and are never seen further in.
"""

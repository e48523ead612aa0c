"""How fast the relay is: ``python -m bench``. The processes it starts serve the soak as well.

No test asserts a speed, and nothing that ships imports this package.
"""

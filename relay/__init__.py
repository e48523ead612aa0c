"""Where the pure core meets the world: config, memory, turns, delivery and the worker.

No Flask in here, and no vendor's words: those stay in ``web/`` and ``hooks/``.
"""

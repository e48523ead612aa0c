"""The core, pure: what happened to an incident, what its room should look like, what is missing.

Nothing in here reads a clock, draws a random number, logs, opens a file or a socket,
or has heard of a vendor. Time, ids and configuration come in as arguments.
"""

"""A small client for the Mattermost calls that the relay makes.

Nothing about incidents, rooms or plans belongs here: it turns calls into requests and answers
into values or errors. It makes one attempt a call, sleeps never and keeps no state but what
the server last said about itself.
"""

__version__ = "0.1.0"

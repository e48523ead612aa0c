"""A small client for PagerDuty's REST API. Has never heard of Mattermost, nor of a room.

It makes one attempt a call, sleeps never, and keeps no state but until when PagerDuty wants to
be left alone and, for moments, who is on call.
"""

__version__ = "0.1.0"

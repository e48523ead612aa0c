"""A small client for PagerDuty's REST API. Has never heard of Mattermost, nor of a room."""

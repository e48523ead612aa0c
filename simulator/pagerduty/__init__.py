"""A PagerDuty account: its REST API, its webhooks, its people, and a page to act in it."""

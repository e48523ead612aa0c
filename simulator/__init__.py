"""A Mattermost and a PagerDuty to practise on: for the demo, for drills and for tests.

Both are held to what real servers were measured to do. Nothing of the relay is imported here,
so that what is proved against the simulator is proved by somebody who does not know the answer.
"""

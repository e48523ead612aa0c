"""A stateful Mattermost server, held to recordings of a real one, with a page to act in it."""

from simulator.mattermost.service import Mattermost

__all__ = ["Mattermost"]

"""The relay as real processes: killed, stopped, frozen, cut off from its database."""

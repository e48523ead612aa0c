"""What a team wants to happen around an incident: values only, no incident, no chat, no I/O."""

"""What the relay knows of PagerDuty beside its webhooks: people, choices, what was missed."""

"""The recipe's header and statistics, byte for byte, from its own three bodies."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.script import TEST_DATA
from tests.scenarios.theatre import Theatre

LINK = "### [Incident P663HSE ](https://acme.pagerduty.com/incidents/P663HSE)"
HEADER = """#### Status: {status}
{link}

**Summary:** [#34] The front door sensor is silent - **Creation Date:** 2018-07-12T15:20:08Z \
- **Last Update:** {changed}"""
STATISTICS = """{link} has been Resolved

**Resolution Time:** 00:00:59:58

**Resolution Reason:** Test alert, please disregard"""


def test_the_recipe_set_writes_what_the_recipe_wrote(tmp_path: Path) -> None:
    """Channel, display name, type, header after each event, statistics: rows 5, 6, 8, 11, 12."""
    theatre = Theatre(tmp_path, {"messages": {"set": "recipe"}, "invite": ["alice", "bob"]})
    try:
        for event, status, changed in (
            ("trigger", "Triggered", "2018-07-12T15:20:08Z"),
            ("acknowledge", "Acknowledged", "2018-07-12T15:32:41Z"),
            ("resolve", "Resolved", "2018-07-12T16:20:06Z"),
        ):
            theatre.begin(event)
            theatre.deliver((TEST_DATA / f"incident.{event}.js").read_bytes())
            room = theatre.chat.snapshot("incident-p663hse")
            assert room["header"] == HEADER.format(link=LINK, status=status, changed=changed)
        assert (room["display_name"], room["private"]) == ("Incident P663HSE", True)
        assert room["members"] == ["relay [bot]"]
        (told,) = theatre.chat.snapshot("town-square")["posts"]
        assert told["message"] == STATISTICS.format(link=LINK)
    finally:
        theatre.close()

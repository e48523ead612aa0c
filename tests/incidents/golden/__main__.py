"""Write the golden pages anew: ``python -m tests.incidents.golden``."""

from __future__ import annotations

from tests.incidents.golden import FOLDER, pages

for name, page in pages().items():
    (FOLDER / name).write_text(page, "utf-8")

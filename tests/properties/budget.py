"""How many examples: the same few thousand in every run, or many times as many, drawn anew.

``STORMS=20 pytest tests/properties`` runs twenty times as many, different each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

FACTOR = int(os.environ.get("STORMS", "1"))


def examples(number: int) -> settings:
    """Settings for `number` examples in a default run, which are the same in every run."""
    return settings(
        max_examples=number * FACTOR,
        derandomize=FACTOR == 1,
        database=None,
        deadline=None,
        print_blob=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

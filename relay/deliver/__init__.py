"""Operations become calls: the only package that knows both.

Intent before the call, outcome after it. What may work later is left for later; what the
server refused is parked with its reason and cure; nothing is sent twice on a guess.
"""

from relay.deliver.asking import Asking
from relay.deliver.calls import Calls, Integrate
from relay.deliver.deliverer import Deliverer
from relay.deliver.job import Job, Later, Place, ServerDown
from relay.deliver.pagerduty import PagerDutyCalls

__all__ = [
    "Asking",
    "Calls",
    "Deliverer",
    "Integrate",
    "Job",
    "Later",
    "PagerDutyCalls",
    "Place",
    "ServerDown",
]

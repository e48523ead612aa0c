"""Operations become calls: the only package that knows both.

Intent before the call, outcome after it. What may work later is left for later; what the
server refused is parked with its reason and cure; nothing is sent twice on a guess.
"""

from relay.deliver.calls import Calls
from relay.deliver.deliverer import Deliverer
from relay.deliver.job import Job, Later, Place, ServerDown

__all__ = ["Calls", "Deliverer", "Job", "Later", "Place", "ServerDown"]

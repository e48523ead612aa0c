"""What the relay remembers: journal, incidents, ledger, directory, on SQLite or PostgreSQL.

It stores what it is given and hands it back; it makes no call but to its database, and knows
neither vendors nor chat servers. ``Store`` is the whole of it; the modules behind are its own.
"""

from relay.store.schema import Store, migrate, open_store
from relay.store.values import (
    AccountRow,
    CatalogueRow,
    Claim,
    CommandRow,
    Fenced,
    Figures,
    IncidentRow,
    Json,
    LedgerRow,
    Outcome,
    ParkedRow,
    PersonRow,
    RawDelivery,
    Receipt,
    StoredDelivery,
    StoreError,
    StoreOutdated,
    StoreUnavailable,
)

__all__ = [
    "AccountRow",
    "CatalogueRow",
    "Claim",
    "CommandRow",
    "Fenced",
    "Figures",
    "IncidentRow",
    "Json",
    "LedgerRow",
    "Outcome",
    "ParkedRow",
    "PersonRow",
    "RawDelivery",
    "Receipt",
    "Store",
    "StoreError",
    "StoreOutdated",
    "StoreUnavailable",
    "StoredDelivery",
    "migrate",
    "open_store",
]

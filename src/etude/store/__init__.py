"""What is kept of studies: records, their identity, and the database that holds them.

Importing this package does not import SQLAlchemy; opening a store does.
"""

from etude.store.errors import StoreError
from etude.store.records import (
    FINISHED,
    STATUSES,
    ChoiceRecord,
    MemberRecord,
    SplitRecord,
    StudyRecord,
    StudySummary,
)
from etude.store.store import Store

__all__ = [
    "FINISHED",
    "STATUSES",
    "ChoiceRecord",
    "MemberRecord",
    "SplitRecord",
    "Store",
    "StoreError",
    "StudyRecord",
    "StudySummary",
]

"""The data sets of a stored study: data that differ in what augments them alone are one."""

from typing import Any

from etude.store.records import StudyRecord


def data_sets(record: StudyRecord) -> list[dict[str, Any]]:
    """The documents of the data sets, in the order in which comparisons number them."""
    found: list[dict[str, Any]] = []
    for document in map(unaugmented, record.document["data"]):
        if document not in found:
            found.append(document)
    return found


def unaugmented(document: dict[str, Any]) -> dict[str, Any]:
    """The document of the data set of some data."""
    return {name: value for name, value in document.items() if name != "augment"}

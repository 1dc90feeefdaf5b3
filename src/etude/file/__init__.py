"""Study files: TOML to studies and back, their schema for editors, their errors in sentences."""

from etude.file.describe import Description, FieldDescription, describe
from etude.file.problems import Problem, StudyFileError, explain
from etude.file.read import parse_study, read_study
from etude.file.schema import schema
from etude.file.write import write_study

__all__ = [
    "Description",
    "FieldDescription",
    "Problem",
    "StudyFileError",
    "describe",
    "explain",
    "parse_study",
    "read_study",
    "schema",
    "write_study",
]

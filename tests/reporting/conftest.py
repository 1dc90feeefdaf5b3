"""Puts the shared factory of study records within reach of these tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from quick_programs import quick_programs

__all__ = ["quick_programs"]

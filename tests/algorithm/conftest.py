"""Puts what these tests share within their reach."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from quick_programs import quick_programs

__all__ = ["quick_programs"]

"""Where things lie that tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The tree."""

CONFIGS = ROOT / "configs"
DOCS = ROOT / "docs"
EMBEDDED = ROOT / "results" / "embedded"
"""The committed run of the embedded study."""

SHARED = ROOT.parent / "shared"
"""Beside the tree: data sets and weights that are not in it. Tests that need them skip."""

DATA = SHARED / "data"
LIVE1 = DATA / "live1"
VOC2012 = DATA / "voc2012"
WEIGHTS = DATA / "weights"

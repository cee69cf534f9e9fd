"""Where the repository is, and where data may lie beside it."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"  # real annotated pictures; their licences keep them out of here

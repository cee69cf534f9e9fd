"""An audit that is done: its numbers, and the folder that it is written to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ..errors import RunError
from ..maps import write_atomically
from .against import Comparison
from .exports import files
from .findings import Findings
from .page import audit_page
from .summary import changes_summary, summary
from .to_fiftyone import to_fiftyone

SUMMARY: Final = "summary.json"
PAGE: Final = "audit.html"
LIMITS: Final = ("suspicious", "accuracy", "failures")


def check_limits(limits: Mapping[str, float]) -> None:
    """RunError for a limit of another name, or one that would be kept whatever is found."""
    for name, limit in limits.items():
        if name not in LIMITS:
            raise RunError(f"a limit is {', '.join(LIMITS)}, not {name!r}")
        most = math.inf if name == "failures" else 1.0
        if not (0 <= limit <= most and math.isfinite(limit)):
            what = "a number of pictures" if name == "failures" else "a share, from 0 to 1"
            raise RunError(f"the limit of {name} is {what}, not {limit:g}")


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found, in the folder `out`; `key` names the scan.

    `against` is what another model makes of the same pictures, where there was one.
    """

    out: Path
    found: Findings
    key: str
    against: Comparison | None = None

    def __repr__(self) -> str:
        """One line."""
        found = self.found
        return (
            f"<Audit of {found.setup.classifier.name}: {len(found.pictures)} pictures, "
            f"{len(found.classes)} classes, suspicious up to {self.summary['suspicious']}; "
            f"{self.page}>"
        )

    @property
    def page(self) -> Path:
        """The page."""
        return self.out / PAGE

    @cached_property
    def summary(self) -> dict[str, Any]:
        """All numbers, ready for JSON."""
        made = summary(self.found)
        if self.against is not None:
            made["against"] = changes_summary(self.found, self.against)
        return made

    def fails(self, limits: Mapping[str, float]) -> list[str]:
        """A sentence for each limit that is not kept.

        Args:
            limits: "suspicious" and "failures": the least that fails; "accuracy": all below fails.

        Raises:
            RunError: A limit has another name, or a value that nothing can reach.
        """
        check_limits(limits)
        sentences = []
        for name, limit in limits.items():
            value = self.summary[name]
            value = value["mean"] if name == "accuracy" else value
            if value is None:
                sentences.append(f"{name} is not known without labels, and the limit is {limit:g}")
            elif value < limit if name == "accuracy" else value >= limit:
                sentences.append(f"{name} is {value:g}, and the limit is {limit:g}")
        return sentences

    def to_fiftyone(self, name: str | None = None) -> Any:
        """A FiftyOne data set: pictures with label, prediction, map, and reasons as boxes.

        Args:
            name: Of the data set; by default FiftyOne chooses one.

        Raises:
            RunError: FiftyOne is not installed.
        """
        return to_fiftyone(self.found, name)

    def written(self) -> Audit:
        """The same, after its files are written."""
        text = json.dumps(self.summary, indent=1, ensure_ascii=True) + "\n"
        write_atomically(self.out / SUMMARY, text.encode())
        for name, content in files(self.found):
            write_atomically(self.out / name, content)
        write_atomically(
            self.page, audit_page(self.found, self.out, self.key, self.against).encode()
        )
        return self

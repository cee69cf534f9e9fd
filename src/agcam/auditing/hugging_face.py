"""Hugging Face: `Trainer(..., callbacks=[AuditCallback("pictures", "audits")])`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from .epochs import Epochs


class AuditCallback(TrainerCallback):
    """Audits a fixed small set after each epoch, in the first process.

    Numbers are appended to the trainer's log history; numbers and crops of the most suspicious
    reasons go where the trainer reports to (`report_to`): TensorBoard, W&B; the page of each epoch
    to `out`.

    Args:
        arguments: As in `Epochs`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.epochs = Epochs(*arguments, **named)
        self._board: Any = None

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Audit the model as it is."""
        if not state.is_world_process_zero:
            return
        epoch = max(round(state.epoch or 0) - 1, 0)
        step = {"train/global_step": state.global_step}
        found = self.epochs.run(given["model"], epoch, step, self._writers(args))
        if found is not None:
            state.log_history.append({**found, "epoch": state.epoch, "step": state.global_step})

    def _writers(self, args: Any) -> list[Any]:
        reported = args.report_to or ()
        run = getattr(sys.modules.get("wandb"), "run", None) if "wandb" in reported else None
        board = self._tensorboard(args) if "tensorboard" in reported else None
        return [one for one in (board, run) if one is not None]

    def _tensorboard(self, args: Any) -> Any:
        """A writer beside the trainer's runs; None where TensorBoard is not installed."""
        if self._board is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return None
            self._board = SummaryWriter(str(Path(args.output_dir, "runs", "audit")))
        return self._board

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Close what was opened."""
        if self._board is not None:
            self._board.close()
            self._board = None

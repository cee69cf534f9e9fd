"""Hugging Face: `Trainer(..., callbacks=[AuditCallback("pictures", "audits")])`."""

from __future__ import annotations

import sys
from typing import Any

from transformers import TrainerCallback

from .epochs import Epochs


class AuditCallback(TrainerCallback):
    """Audits a fixed small set after each epoch, in the first process.

    Numbers are appended to the trainer's log history; numbers and crops of the most suspicious
    reasons go to TensorBoard if it is installed and to the run of W&B if there is one; the page of
    each epoch to `out`.

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
        found = self.epochs.run(given["model"], epoch, state.global_step, self._writers(args))
        if found is not None:
            state.log_history.append({**found, "epoch": state.epoch, "step": state.global_step})

    def _writers(self, args: Any) -> list[Any]:
        run = getattr(sys.modules.get("wandb"), "run", None)
        return [one for one in (self._tensorboard(args), run) if one is not None]

    def _tensorboard(self, args: Any) -> Any:
        """A writer into the trainer's own folder; None where TensorBoard is not installed."""
        if self._board is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return None
            self._board = SummaryWriter(getattr(args, "logging_dir", None) or args.output_dir)
        return self._board

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Close what was opened."""
        if self._board is not None:
            self._board.close()

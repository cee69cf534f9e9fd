"""Lightning: `Trainer(callbacks=[AuditCallback("pictures", "audits", classes=...)])`."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback

from .epochs import Epochs


class AuditCallback(Callback):
    """Audits a fixed small set after each epoch, in the first process.

    Numbers and crops of the most suspicious reasons go to the trainer's TensorBoard or W&B loggers,
    if it has any; the page of each epoch to `out`.

    Args:
        arguments: As in `Epochs`.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.epochs = Epochs(*arguments, **named)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Audit the module as it is."""
        if trainer.is_global_zero:
            writers = [logger.experiment for logger in trainer.loggers]
            step = {"trainer/global_step": trainer.global_step}
            self.epochs.run(pl_module, trainer.current_epoch, step, writers)

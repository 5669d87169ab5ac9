"""The guard as a callback of transformers' Trainer, for fine-tuning that keeps what the model knew."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memscape.continual.guard import SubspaceGuard


def guarding_callback(guard: "SubspaceGuard") -> Any:
    """Return a `transformers.TrainerCallback` that projects every step of a training run.

    Raises:
        ModuleNotFoundError: where transformers is not installed.
    """
    try:
        transformers: Any = importlib.import_module("transformers")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "the callback is for transformers' Trainer, which is not installed: pip install '.[hub]' in the "
            "checkout of memscape; other loops use `with guard.guarding(optimizer):`"
        ) from None

    class Guarding(transformers.TrainerCallback):
        """Attaches the guard to the trainer's optimiser when training begins, takes it off when it ends."""

        def __init__(self) -> None:
            self.attachment: Any = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            """Attach the guard to the trainer's optimiser."""
            self.attachment = guard.attach(given["optimizer"])

        def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            """Take the guard off."""
            if self.attachment is not None:
                self.attachment.remove()

    return Guarding()

"""How a system is kept: settings and tensors in one file, from which it comes back with equal bits."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import nn

from memscape.core.cards import Card
from memscape.core.errors import FileFormatError
from memscape.core.files import Bundle, load_bundle, save_bundle

S = TypeVar("S", bound="System")


class System(nn.Module, ABC):
    """What the systems of this package share: a card, and a file of their own.

    A subclass says in `_settings` what its `__init__` takes, as JSON values; all that it learns is in its
    `state_dict`.
    """

    card: ClassVar[Card]

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return what `_from_settings` needs to make a system of the same kind, as JSON values."""

    @classmethod
    def _from_settings(cls: type[S], settings: dict[str, Any], **given: Any) -> S:
        """Return a system with these settings; its weights come from the file afterwards."""
        return cls(**settings, **given)

    def save(self, path: str | Path) -> None:
        """Write the system to `path` (safetensors with a JSON header); read it with `load`.

        An interrupted save leaves the old file.
        """
        parts = {"settings": self._settings()}
        save_bundle(path, kind="system", card=self.card.name, tensors=dict(self.state_dict()), parts=parts)

    @classmethod
    def load(cls: type[S], path: str | Path, *, device: str = "cpu", **given: Any) -> S:
        """Return the system that a file holds; its answers equal those of the saved one bit for bit.

        `memscape.load(path)` reads the file of any system.

        Args:
            path: a file written by `save`.
            device: where its tensors go.
            given: what no file can hold, such as the `operation` of a `GlobalWorkspace`.

        Raises:
            FileNotFoundError: if there is no such file.
            FileFormatError: if it is truncated or foreign, holds another system, or tensors that do not fit.

        >>> import tempfile, torch
        >>> from memscape.cognition import LeakyNetwork
        >>> path, network = tempfile.mkdtemp() + "/network.safetensors", LeakyNetwork(16, generator=0)
        >>> network.save(path)
        >>> stream = torch.ones(1, 5)
        >>> torch.equal(LeakyNetwork.load(path)(stream), network(stream))
        True
        """
        bundle = load_bundle(path, device=device)
        if bundle.card != cls.card.name:
            raise FileFormatError(
                f"{str(path)!r} holds a {bundle.card}, not a {cls.card.name}; memscape.load reads either"
            )
        return cls.from_bundle(bundle, **given)

    @classmethod
    def from_bundle(cls: type[S], bundle: Bundle, **given: Any) -> S:
        """Return the system that the content of a file describes; use `load` or `memscape.load(path)`."""
        if bundle.kind != "system":
            raise FileFormatError(f"the file holds a {bundle.kind} of {bundle.card}, not a system")
        system = cls._from_settings({"generator": 0} | bundle.parts["settings"], **given)
        try:
            # copies of their own: products of numbers that lie otherwise in memory may differ in the last bit
            system.load_state_dict({name: t.clone() for name, t in bundle.tensors.items()}, assign=True)
        except RuntimeError as error:
            said = " ".join(str(error).split())
            raise FileFormatError(f"the tensors of the file do not fit its settings: {said}") from None
        return system

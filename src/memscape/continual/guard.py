"""A guard that keeps what a network knows: steps stay outside the inputs that old knowledge uses."""

import fnmatch
from collections.abc import Generator as Yields
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from memscape.continual.bases import Basis, Singular
from memscape.continual.guarded_layer import GuardedLayer, Reading
from memscape.core.errors import InputError
from memscape.core.modes import evaluating
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.engrams.handlers import FULL, TOKENS, handler_of


class SubspaceGuard:
    """Keeps the answers of a network to old inputs while it learns new ones.

    A step changes each weight matrix by $\\Delta W$; the guard replaces it by $\\Delta W (I - U^T U)$, where
    the rows of U span the inputs to be protected (with the bias as the weight of a constant input 1). The
    *step* is projected, not the gradient, so momentum, weight decay and Adam's scaling are covered, whatever
    the optimiser. Rows of tables of tokens that were seen are kept; gains, and all other parameters that see
    inputs in no linear way, are kept as a whole from the first `protect` on; so are the running averages of
    batch normalisations, which are in evaluation mode while steps are projected.

    Args:
        model: what is guarded; every Linear, Conv1d/2d/3d, Embedding, MultiheadAttention, transformers'
            Conv1D and every type known to `engrams.register`.
        basis: `Singular(rank or share)` or `Lateral(rank)`; or a mapping from patterns of layer names to
            bases, the first that fits.
        reading: from what a linear layer sees (batch, ..., width) to the rows that are protected; None takes
            all of them as they are. A network of spiking units protects traces, not single spikes.
        generator: of the starts of Oja's rule.

    Raises:
        InputError: for a model without a layer that can be guarded.

    >>> import torch
    >>> from memscape.continual import Singular, SubspaceGuard
    >>> model = torch.nn.Linear(3, 2)
    >>> old, new = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    >>> guard = SubspaceGuard(model, Singular(share=0.999))
    >>> guard.protect([old])
    >>> before, optimizer = model(old).detach(), torch.optim.Adam(model.parameters(), lr=0.1)
    >>> with guard.guarding(optimizer):
    ...     for _ in range(200):
    ...         optimizer.zero_grad()
    ...         (model(new) - 5).square().sum().backward()
    ...         optimizer.step()
    >>> bool((model(old) - before).abs().max() < 1e-5), bool((model(new) - 5).abs().max() < 0.01)
    (True, True)
    """

    def __init__(
        self,
        model: nn.Module,
        basis: Basis | Mapping[str, Basis] | None = None,
        *,
        reading: Reading | None = None,
        generator: Generator = None,
    ):
        self.model, self.reading, self.seed = model, reading, draw_seed(generator)
        self.basis = Singular(share=0.99) if basis is None else basis
        self.layers: dict[str, GuardedLayer] = {}
        for name, module in model.named_modules():
            handler = handler_of(module)
            for part in handler.parts(module) if handler is not None else ():
                if part.kind in (FULL, TOKENS) and handler is not None:
                    full = ".".join(filter(None, (name, part.name)))
                    self.layers[full] = GuardedLayer(full, module, part, handler, self._basis_of(full))
        if not self.layers:
            raise InputError(
                f"{type(model).__name__} has no layer that can be guarded; make your own known with "
                "engrams.register"
            )
        self.protected = 0

    def _basis_of(self, name: str) -> Basis:
        if isinstance(self.basis, Basis):
            return self.basis
        for pattern, basis in self.basis.items():
            if fnmatch.fnmatchcase(name, pattern):
                return basis
        raise InputError(
            f"no basis fits the layer {name!r}; add one, such as {{..., '*': Singular(share=0.99)}}"
        )

    @contextmanager
    def learning(self) -> Yields[None]:
        """Learn the inputs of all forward passes inside the block; at its end they are protected."""
        with ExitStack() as stack:
            by_module: dict[int, list[GuardedLayer]] = {}
            for i, layer in enumerate(self.layers.values()):
                layer.begin(derived(self.seed, self.protected, i))
                by_module.setdefault(id(layer.module), []).append(layer)
            for group in by_module.values():
                hook = group[0].module.register_forward_pre_hook(
                    lambda module, args, kwargs, group=group: self._see(group, args, kwargs), with_kwargs=True
                )
                stack.callback(hook.remove)
            yield
        for layer in self.layers.values():
            layer.end()
        self._share()
        self.protected += 1

    def _share(self) -> None:
        """Let layers whose matrix is one parameter keep each other's directions."""
        tied: dict[tuple, list[GuardedLayer]] = {}
        for layer in self.layers.values():
            if layer.part.kind == FULL:
                tied.setdefault((layer.parameters()[0], layer.part.rows), []).append(layer)
        for group in (group for group in tied.values() if len(group) > 1):
            for layer in group:
                layer.beside = [other for other in group if other is not layer]

    def _see(self, group: list[GuardedLayer], args: tuple, kwargs: dict) -> None:
        with torch.no_grad():
            first = group[0]
            for layer, x in zip(group, first.handler.inputs(first.module, args, kwargs), strict=True):
                layer.see(x, self.reading)

    @torch.no_grad()
    def protect(self, batches: Iterable[Any], *, progress: ProgressOption = None) -> None:
        """Protect the answers to these inputs; what was protected before stays so.

        The model is run in evaluation mode on each batch, once.

        Args:
            batches: inputs of the model: tensors, or mappings of keyword arguments.
            progress: a bar, a callable, or None. Ctrl-C protects what was seen until then.

        Raises:
            InputError: where there is no batch.

        Cost: one forward pass, and what the basis costs.
        """
        batches = list(batches)
        if not batches:
            raise InputError("there are no inputs to protect; give at least one batch")
        bar = Progress(progress, len(batches), "protecting")
        with evaluating(self.model), self.learning(), bar:
            for batch in batches:
                self.model(**batch) if isinstance(batch, Mapping) else self.model(batch)
                if not bar.update():
                    break

    @contextmanager
    def guarding(self, optimizer: torch.optim.Optimizer) -> Yields[None]:
        """Project every step that `optimizer` makes inside the block."""
        handle = self.attach(optimizer)
        try:
            yield
        finally:
            handle.remove()

    def attach(self, optimizer: torch.optim.Optimizer) -> "Attachment":
        """Project every step that `optimizer` makes until the returned handle's `remove()`."""
        return Attachment(self, optimizer)

    def callback(self) -> Any:
        """Return a callback for `transformers.Trainer` that guards all of its steps.

        Raises:
            ModuleNotFoundError: where transformers is not installed (`pip install '.[hub]'`).
        """
        from memscape.continual.callback import guarding_callback

        return guarding_callback(self)

    def ranks(self) -> dict[str, tuple[int, int]]:
        """Return for each layer how many of its input directions are taken, and how many there are."""
        return {name: layer.used() for name, layer in self.layers.items()}

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that a step could change, each once."""
        return list(dict.fromkeys(self.model.parameters()))

    @torch.no_grad()
    def project(self, before: Mapping[nn.Parameter, Tensor]) -> None:
        """Take from what became of the parameters, in place, all that would change protected answers.

        Args:
            before: each parameter's value before the step.
        """
        if not self.protected:
            return
        owned: set[nn.Parameter] = set()
        changes: dict[nn.Parameter, Tensor] = {}
        for parameter, old in before.items():
            changes[parameter] = (parameter - old).contiguous()
        for layer in self.layers.values():
            weight, bias = layer.parameters()
            if weight in changes:
                layer.project(changes[weight], changes.get(bias) if bias is not None else None)
            owned |= {weight} | ({bias} if bias is not None else set())
        for parameter, change in changes.items():
            parameter.copy_(before[parameter] + change if parameter in owned else before[parameter])

    def __repr__(self) -> str:
        taken, total = map(sum, zip(*self.ranks().values(), strict=True))
        return (
            f"SubspaceGuard of {len(self.layers)} layers, {self.basis}: {self.protected} sets protected, "
            f"{taken} of {total} input directions taken"
        )


class Attachment:
    """The hooks by which a guard sees an optimiser's steps; `remove()` takes them off."""

    def __init__(self, guard: SubspaceGuard, optimizer: torch.optim.Optimizer):
        self.guard, self._before = guard, {}
        # wrappers such as accelerate's keep the optimiser whose step runs under this name
        optimizer = getattr(optimizer, "optimizer", optimizer)
        own = {p for group in optimizer.param_groups for p in group["params"]}
        self._parameters = [p for p in guard.parameters() if p in own]
        self._hooks = [
            optimizer.register_step_pre_hook(self._keep),
            optimizer.register_step_post_hook(self._project),
        ]
        self._hooks += [m.register_forward_pre_hook(self._hold) for m in guard.model.modules() if _follows(m)]
        self._held: dict[nn.Module, None] = {}

    def _hold(self, module: nn.Module, args: Any) -> None:
        # what follows the new inputs would change the answers to the old ones between two steps
        if self.guard.protected and module.training:
            self._held[module] = None
            module.eval()

    def _keep(self, *ignored: Any) -> None:
        if self.guard.protected:
            self._before = {p: p.detach().clone() for p in self._parameters}

    def _project(self, *ignored: Any) -> None:
        self.guard.project(self._before)
        self._before = {}

    def remove(self) -> None:
        """Let the optimiser's steps be as they are again."""
        for hook in self._hooks:
            hook.remove()
        for module in self._held:
            module.train()
        self._held = {}


def _follows(module: nn.Module) -> bool:
    """Whether a layer keeps running averages of what it sees, as `BatchNorm` does."""
    return isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is not None

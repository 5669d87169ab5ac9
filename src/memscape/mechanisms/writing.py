"""Write rules: what one pattern does to couplings. Each is a pure function from old couplings to new ones."""

import torch
from jaxtyping import Float, Num
from torch import Tensor


def storkey(couplings: Float[Tensor, "n n"], pattern: Float[Tensor, " n"]) -> Float[Tensor, "n n"]:
    """Return the couplings after Storkey's rule has written one pattern, zero diagonal. O(n^2).

    $J_{ij} \\leftarrow J_{ij} + \\frac1n(\\xi_i \\xi_j - \\xi_i h_{ji} - h_{ij} \\xi_j)$ with
    $h_{ij} = \\sum_{k \\neq i,j} J_{ik} \\xi_k$ (Storkey 1997).

    >>> import torch
    >>> storkey(torch.zeros(2, 2), torch.tensor([1.0, -1.0]))
    tensor([[ 0.0000, -0.5000],
            [-0.5000,  0.0000]])
    """
    n = len(pattern)
    field = couplings @ pattern  # J_ii = 0, so k = i is left out already
    without = field[:, None] - couplings * pattern  # h_ij leaves out j as well
    change = pattern[:, None] * pattern - pattern[:, None] * without.T - without * pattern
    return (couplings + change / n).fill_diagonal_(0.0)


def hebb(
    store: Float[Tensor, "... k v"], keys: Float[Tensor, "... k"], values: Float[Tensor, "... v"]
) -> Tensor:
    """Return the store after $S \\leftarrow S + k \\otimes v$: Hebb, linear attention, fast weights. O(kv).

    >>> import torch
    >>> hebb(torch.zeros(2, 1), torch.tensor([1.0, 2.0]), torch.tensor([3.0]))
    tensor([[3.],
            [6.]])
    """
    return store + keys[..., :, None] * values[..., None, :]


def delta(
    store: Float[Tensor, "... k v"],
    keys: Float[Tensor, "... k"],
    values: Float[Tensor, "... v"],
    rate: float | Tensor = 1.0,
) -> Float[Tensor, "... k v"]:
    """Return the store after the delta rule $S \\leftarrow S + \\beta\\, k \\otimes (v - S^T k)$. O(kv).

    With $\\beta = 1/|k|^2$ the key is read back exactly (Widrow and Hoff 1960; Schlag et al. 2021). Repeated
    over the same keys it converges to the projection rule (Kaczmarz 1937).

    >>> import torch
    >>> S = delta(torch.ones(2, 1), torch.tensor([1.0, 0.0]), torch.tensor([5.0]))
    >>> torch.tensor([1.0, 0.0]) @ S
    tensor([5.])
    """
    read = (keys[..., None, :] @ store)[..., 0, :]
    return hebb(store, keys, rate * (values - read))


def decay(
    store: Float[Tensor, "... k v"],
    keys: Float[Tensor, "... k"],
    values: Float[Tensor, "... v"],
    retention: float | Tensor = 1.0,
    rate: float | Tensor = 1.0,
) -> Float[Tensor, "... k v"]:
    """Return the store after $S \\leftarrow \\rho S + \\eta\\, k \\otimes v$: recent pairs weigh most. O(kv).

    After T pairs it is $\\sum_t \\rho^{T-t} \\eta\\, k_t \\otimes v_t$. A retention $\\rho$ below 1 forgets;
    a rate $\\eta$ below 0 takes a pair out again (anti-Hebbian). With k = v it is the synchronisation of a
    continuous thought machine (Darlow et al. 2025).

    >>> import torch
    >>> decay(torch.full((1, 2), 4.0), torch.tensor([1.0]), torch.tensor([1.0, 0.0]), retention=0.5)
    tensor([[3., 2.]])
    """
    return hebb(retention * store, rate * keys, values)


def clip(
    store: Float[Tensor, "... k v"],
    keys: Float[Tensor, "... k"],
    values: Float[Tensor, "... v"],
    high: float = 1.0,
) -> Float[Tensor, "... k v"]:
    """Return the store after $S \\leftarrow \\mathrm{clamp}(S + k \\otimes v, 0, c)$: once is enough. O(kv).

    For pairs of 0 and 1 and c = 1 it is $S \\vee k v^T$, one bit per synapse (Willshaw et al. 1969), and
    writing a pair twice changes nothing.

    >>> import torch
    >>> S = clip(torch.zeros(2, 2), torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]))
    >>> torch.equal(S, clip(S, torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])))
    True
    """
    return hebb(store, keys, values).clamp(0.0, high)


def overwrite(
    store: Num[Tensor, "... k v"], keys: Num[Tensor, "... k"], values: Num[Tensor, "... v"]
) -> Num[Tensor, "... k v"]:
    """Return the store after $S \\leftarrow (1 - k) \\odot S + k \\otimes v$: the old value is gone. O(kv).

    Keys are 0 and 1; with one-hot keys one row is replaced and every other is the same bit for bit. It is the
    clipped write with the depression of a key's silent synapses; values of zeros erase.

    >>> import torch
    >>> overwrite(torch.tensor([[1.0, 1.0], [1.0, 0.0]]), torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
    tensor([[0., 1.],
            [1., 0.]])
    """
    return torch.where(keys[..., :, None] > 0, keys[..., :, None] * values[..., None, :], store)


def least_squares(
    store: Float[Tensor, "... k v"],
    precision: Float[Tensor, "... k k"],
    keys: Float[Tensor, "... k"],
    values: Float[Tensor, "... v"],
    retention: float | Tensor = 1.0,
) -> tuple[Float[Tensor, "... k v"], Float[Tensor, "... k k"]]:
    """Return store and precision after one pair by recursive least squares. O(k^2 + kv).

    $g = P k / (\\gamma + k^T P k)$, $S \\leftarrow S + g \\otimes (v - S^T k)$ and
    $P \\leftarrow (P - g\\, (P k)^T) / \\gamma$. From $S = 0$, $P = I/\\lambda$ $\\gamma = 1$ the
    store is ridge regression on all pairs so far, $(K^T K + \\lambda I)^{-1} K^T V$, exactly (Plackett 1950;
    the Mesa layer, von Oswald et al. 2023).

    >>> import torch
    >>> key, value = torch.tensor([1.0, 1.0]), torch.tensor([4.0])
    >>> S, P = least_squares(torch.zeros(2, 1), torch.eye(2) / 1e-6, key, value)
    >>> key @ S
    tensor([4.0000])
    """
    seen = (precision @ keys[..., :, None])[..., 0]
    gain = seen / (retention + (keys * seen).sum(-1))[..., None]
    read = (keys[..., None, :] @ store)[..., 0, :]
    return hebb(store, gain, values - read), (precision - gain[..., :, None] * seen[..., None, :]) / retention

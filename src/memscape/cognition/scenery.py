"""Scenes to be perceived: entities with looks, and relations that follow from who stands beside whom."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.random import Generator, resolve


@dataclass(frozen=True)
class Scenes:
    """A synthetic world in which things happened.

    Attributes:
        triples: (episodes, 3) subject, object, predicate of each scene.
        looks: (entities, senses) what each entity looks like.
        relation: (entities, entities) the predicate of every pair, a fixed rule of the world.
    """

    triples: Int[Tensor, "t 3"]
    looks: Float[Tensor, "e s"]
    relation: Int[Tensor, "e e"]

    def views(self, triples: Int[Tensor, "b 3"], noise: float, *, generator: Generator = None) -> Tensor:
        """Return what is seen of scenes, (b, 2 senses): the looks of subject and object with normal noise."""
        seen = torch.cat([self.looks[triples[:, 0]], self.looks[triples[:, 1]]], -1)
        return seen + noise * torch.randn(seen.shape, generator=resolve(generator))


def scenes(
    entities: int = 20,
    predicates: int = 5,
    episodes: int = 150,
    senses: int = 40,
    *,
    generator: Generator = None,
) -> Scenes:
    """Return a random world: normal looks, a random predicate for every pair, and scenes of random pairs.

    Some pairs happen more often: subjects and objects are drawn with chances in proportion to 1 / rank.

    Raises:
        InputError: for counts below 1.

    >>> world = scenes(entities=4, predicates=2, episodes=6, generator=0)
    >>> bool((world.relation[world.triples[:, 0], world.triples[:, 1]] == world.triples[:, 2]).all())
    True
    """
    drawn = resolve(generator)
    count = require_count(entities, "entities")
    looks = torch.randn(count, require_count(senses, "senses"), generator=drawn)
    relation = torch.randint(require_count(predicates, "predicates"), (count, count), generator=drawn)
    chances = 1 / torch.arange(1, count + 1, dtype=torch.float64)
    pairs = torch.multinomial(
        chances, 2 * require_count(episodes, "episodes"), replacement=True, generator=drawn
    ).reshape(2, -1)
    return Scenes(torch.stack([*pairs, relation[pairs[0], pairs[1]]], -1), looks, relation)

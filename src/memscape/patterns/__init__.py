"""What is stored: random ensembles, hierarchies, prescribed correlations, images, texts, damage."""

from memscape.patterns.ancestors import WithAncestors, add_ancestors, decorrelate
from memscape.patterns.correlated import correlated, correlation
from memscape.patterns.damage import flip, mask, noise
from memscape.patterns.ensembles import biased, diluted, independent, noisy_examples, sparse
from memscape.patterns.exact import exactly_correlated
from memscape.patterns.hierarchy import family, tree
from memscape.patterns.image_files import digits, load_idx, load_images
from memscape.patterns.images import Thermometer, Threshold
from memscape.patterns.vectors import BipolarNGrams, NGrams, SignProjection

__all__ = [
    "BipolarNGrams",
    "NGrams",
    "SignProjection",
    "Thermometer",
    "Threshold",
    "WithAncestors",
    "add_ancestors",
    "biased",
    "correlated",
    "correlation",
    "decorrelate",
    "digits",
    "diluted",
    "exactly_correlated",
    "family",
    "flip",
    "independent",
    "load_idx",
    "load_images",
    "mask",
    "noise",
    "noisy_examples",
    "sparse",
    "tree",
]

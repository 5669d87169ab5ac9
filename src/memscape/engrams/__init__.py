"""Memories inside trained networks: find one, take it out, prove it, put it back."""

from memscape.engrams.applying import Edit as Edit
from memscape.engrams.applying import EditError as EditError
from memscape.engrams.applying import composed as composed
from memscape.engrams.applying import erased as erased
from memscape.engrams.collecting import LoaderError as LoaderError
from memscape.engrams.collecting import collect as collect
from memscape.engrams.engram import Engram as Engram
from memscape.engrams.handlers import register as register
from memscape.engrams.inspection import UnsupportedError as UnsupportedError
from memscape.engrams.solving import Solution as Solution
from memscape.engrams.statistics import Statistics as Statistics

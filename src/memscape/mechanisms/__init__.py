"""The parts that every memory is composed of: energies, separations, dynamics, readings."""

from memscape.mechanisms.descent import Asynchronous as Asynchronous
from memscape.mechanisms.descent import Glauber as Glauber
from memscape.mechanisms.descent import Synchronous as Synchronous
from memscape.mechanisms.distances import Distances as Distances
from memscape.mechanisms.energies import Couplings as Couplings
from memscape.mechanisms.energies import Energy as Energy
from memscape.mechanisms.energies import PatternEnergy as PatternEnergy
from memscape.mechanisms.energies import Separated as Separated
from memscape.mechanisms.flow import FixedPoint as FixedPoint
from memscape.mechanisms.flow import GradientFlow as GradientFlow
from memscape.mechanisms.levels import LevelledEnergy as LevelledEnergy
from memscape.mechanisms.levels import ThroughAncestors as ThroughAncestors
from memscape.mechanisms.separation import Entmax as Entmax
from memscape.mechanisms.separation import Epanechnikov as Epanechnikov
from memscape.mechanisms.separation import Exponential as Exponential
from memscape.mechanisms.separation import Kernel as Kernel
from memscape.mechanisms.separation import Power as Power
from memscape.mechanisms.separation import RectifiedPower as RectifiedPower
from memscape.mechanisms.separation import Separation as Separation
from memscape.mechanisms.separation import Sharp as Sharp
from memscape.mechanisms.separation import Softmax as Softmax
from memscape.mechanisms.separation import Sparsemax as Sparsemax

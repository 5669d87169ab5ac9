"""Pattern memories.

Store patterns as wells of an energy landscape, recall them from partial or noisy cues.
"""

from memscape.memories.boltzmann import RestrictedBoltzmann as RestrictedBoltzmann
from memscape.memories.ca3 import CA3 as CA3
from memscape.memories.continuous import Continuous as Continuous
from memscape.memories.covariance import Covariance as Covariance
from memscape.memories.dense import Dense as Dense
from memscape.memories.distributed import SparseDistributed as SparseDistributed
from memscape.memories.dreaming import Dreaming as Dreaming
from memscape.memories.hetero import Hetero as Hetero
from memscape.memories.hierarchical import Hierarchical as Hierarchical
from memscape.memories.hopfield import Hebbian as Hebbian
from memscape.memories.learning_separation import learn_separation as learn_separation
from memscape.memories.margin import MaxMargin as MaxMargin
from memscape.memories.pattern_memory import PatternMemory as PatternMemory
from memscape.memories.phase_gated import PhaseGated as PhaseGated
from memscape.memories.projection import Projection as Projection
from memscape.memories.quadratic import Quadratic as Quadratic
from memscape.memories.sparsey import Sparsey as Sparsey
from memscape.memories.sparsey_sequence import SparseySequence as SparseySequence
from memscape.memories.spiking_ca3 import SpikingCA3 as SpikingCA3
from memscape.memories.storkey import Storkey as Storkey
from memscape.memories.temporal import Temporal as Temporal
from memscape.memories.vectors import from_vectors as from_vectors
from memscape.memories.willshaw import Willshaw as Willshaw

"""Sequence memories.

The family of linear attention, delta rules, inner learners and attention in one layer.
"""

from memscape.sequence.core import chunk as chunk
from memscape.sequence.core import scan as scan
from memscape.sequence.core import step as step
from memscape.sequence.diagnosis import StateReport as StateReport
from memscape.sequence.fla_names import FLALayer as FLALayer
from memscape.sequence.language import LanguageModel as LanguageModel
from memscape.sequence.layer import MemoryLayer as MemoryLayer
from memscape.sequence.lowrank import low_rank_chunk as low_rank_chunk
from memscape.sequence.lowrank import low_rank_scan as low_rank_scan
from memscape.sequence.presets import PRESETS as PRESETS
from memscape.sequence.spec import MemorySpec as MemorySpec
from memscape.sequence.state import MemoryState as MemoryState
from memscape.sequence.views import DynamicalSystem as DynamicalSystem

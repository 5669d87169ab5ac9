"""Sequence memories.

The family of linear attention, delta rules, inner learners and attention in one layer.
"""

from memscape.sequence.core import chunk as chunk
from memscape.sequence.core import scan as scan
from memscape.sequence.core import step as step
from memscape.sequence.lowrank import low_rank_chunk as low_rank_chunk
from memscape.sequence.lowrank import low_rank_scan as low_rank_scan

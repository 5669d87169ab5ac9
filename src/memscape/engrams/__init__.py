"""Memories inside trained networks: find one, take it out, prove it, put it back."""

from memscape.engrams.adapters import from_peft as from_peft
from memscape.engrams.applying import composed as composed
from memscape.engrams.applying import erased as erased
from memscape.engrams.auditing import audit as audit
from memscape.engrams.collecting import LoaderError as LoaderError
from memscape.engrams.collecting import collect as collect
from memscape.engrams.edits import Edit as Edit
from memscape.engrams.engram import Engram as Engram
from memscape.engrams.gathering import gathered as gathered
from memscape.engrams.handlers import register as register
from memscape.engrams.inserting import insert as insert
from memscape.engrams.inserting import insertion as insertion
from memscape.engrams.inserting import project as project
from memscape.engrams.inspection import UnsupportedError as UnsupportedError
from memscape.engrams.keys import keys as keys
from memscape.engrams.originals import EditError as EditError
from memscape.engrams.reporting import EngramReport as EngramReport
from memscape.engrams.solving import Solution as Solution
from memscape.engrams.statistics import Statistics as Statistics
from memscape.engrams.strengths import Search as Search
from memscape.engrams.strengths import norm_scaled as norm_scaled
from memscape.engrams.strengths import search as search
from memscape.engrams.verdicts import Audit as Audit
from memscape.engrams.verdicts import Finding as Finding

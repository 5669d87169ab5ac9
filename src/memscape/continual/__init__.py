"""Learning one task after another without losing the old: guards, rehearsal, and what to measure."""

from memscape.continual.bases import Basis as Basis
from memscape.continual.bases import Lateral as Lateral
from memscape.continual.bases import Singular as Singular
from memscape.continual.course import Course as Course
from memscape.continual.guard import SubspaceGuard as SubspaceGuard
from memscape.continual.learning import learn as learn
from memscape.continual.rehearsal import Fading as Fading
from memscape.continual.rehearsal import PowerLaw as PowerLaw
from memscape.continual.rehearsal import Recent as Recent
from memscape.continual.rehearsal import Rehearsal as Rehearsal
from memscape.continual.rehearsal import Schedule as Schedule
from memscape.continual.rehearsal import Uniform as Uniform
from memscape.continual.streams import Task as Task
from memscape.continual.streams import permuted as permuted
from memscape.continual.streams import split as split

"""Tasks that ask what a memory can do, for any module or memory, with ceilings, chances and baselines."""

from memscape.tasks import conditioning as conditioning
from memscape.tasks import regression as regression
from memscape.tasks import working_memory as working_memory
from memscape.tasks.bits import NDMS as NDMS
from memscape.tasks.bits import NParity as NParity
from memscape.tasks.composed import CompositionalRecall as CompositionalRecall
from memscape.tasks.composed import JointRecall as JointRecall
from memscape.tasks.copying import SelectiveCopy as SelectiveCopy
from memscape.tasks.learning import Learned as Learned
from memscape.tasks.learning import learn as learn
from memscape.tasks.recall import AssociativeRecall as AssociativeRecall
from memscape.tasks.recall import ForgettingRecall as ForgettingRecall
from memscape.tasks.recall import MultiQueryRecall as MultiQueryRecall
from memscape.tasks.relations import ObjectQuestions as ObjectQuestions
from memscape.tasks.streams import KeyValueStream as KeyValueStream
from memscape.tasks.tokens import Evaluation as Evaluation
from memscape.tasks.tokens import Tokens as Tokens
from memscape.tasks.tokens import TokenTask as TokenTask
from memscape.tasks.tokens import cross_entropy as cross_entropy
from memscape.tasks.tokens import evaluate as evaluate

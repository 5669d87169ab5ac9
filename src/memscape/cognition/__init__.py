"""Systems made of memories: what brains add, each from the same few parts."""

from memscape.cognition.continuous_thought import Anatomy as Anatomy
from memscape.cognition.continuous_thought import ContinuousThought as ContinuousThought
from memscape.cognition.decoded import Decoded as Decoded
from memscape.cognition.global_workspace import Chain as Chain
from memscape.cognition.global_workspace import GlobalWorkspace as GlobalWorkspace
from memscape.cognition.graph_brain import Answer as Answer
from memscape.cognition.graph_brain import GraphBrain as GraphBrain
from memscape.cognition.inference import PMI as PMI
from memscape.cognition.inference import Held as Held
from memscape.cognition.keeping import System as System
from memscape.cognition.knowledge import KnowledgeGraph as KnowledgeGraph
from memscape.cognition.learnt_modules import LearntModules as LearntModules
from memscape.cognition.pondering import Pondering as Pondering
from memscape.cognition.relation_reader import Answered as Answered
from memscape.cognition.relation_reader import RelationReader as RelationReader
from memscape.cognition.rules import RuleWorld as RuleWorld
from memscape.cognition.rules import rule_world as rule_world
from memscape.cognition.scenery import Scenes as Scenes
from memscape.cognition.scenery import scenes as scenes
from memscape.cognition.tensor_brain import TensorBrain as TensorBrain
from memscape.cognition.timescales import Growth as Growth
from memscape.cognition.timescales import LeakyNetwork as LeakyNetwork
from memscape.cognition.workspace import Thought as Thought
from memscape.cognition.workspace import Workspace as Workspace

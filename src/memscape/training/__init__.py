"""One loop for everything that learns by steps: seeds, progress, checkpoint, resume, Ctrl-C."""

from memscape.training.batches import Minibatches as Minibatches
from memscape.training.competing import train_competing as train_competing
from memscape.training.history import History as History
from memscape.training.loop import train as train
from memscape.training.selecting import train_selecting as train_selecting
from memscape.training.truncating import SyntheticGradient as SyntheticGradient
from memscape.training.truncating import windowed_loss as windowed_loss

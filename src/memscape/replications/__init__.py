"""What each paper claims, what we measured, and the map of all of them.

A claim is one sentence with a number; `claim` says what it is, `runner` measures it, `pages` publishes it,
misses too. Every other module is one paper, or one study of our own.
"""

from memscape.replications.claim import Claim as Claim
from memscape.replications.claim import Measured as Measured
from memscape.replications.claim import Replication as Replication
from memscape.replications.claim import claims as claims
from memscape.replications.runner import Outcome as Outcome
from memscape.replications.runner import Outcomes as Outcomes
from memscape.replications.runner import run as run

"""Conformance suites for memories of your own, without pytest: the laws that the library's memories keep."""

from memscape.testing.laws import ConformanceError as ConformanceError
from memscape.testing.laws import Law as Law
from memscape.testing.suite import check_memory as check_memory
from memscape.testing.suite import checks as checks

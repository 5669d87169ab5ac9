"""Measure the landscape of any memory: how wide its wells are, and what else lies between them."""

from memscape.landscape.correlation_design import CorrelationDesign as CorrelationDesign
from memscape.landscape.correlation_design import design_correlation_matrix as design_correlation_matrix
from memscape.landscape.design_result import Design as Design
from memscape.landscape.exhaustive import census as census
from memscape.landscape.exhaustive import exhaust as exhaust
from memscape.landscape.hierarchy_design import HierarchyDesign as HierarchyDesign
from memscape.landscape.hierarchy_design import design_correlations as design_correlations
from memscape.landscape.radii import Radius as Radius
from memscape.landscape.radii import radius as radius
from memscape.landscape.result import Landscape as Landscape
from memscape.landscape.shaping import design as design
from memscape.landscape.tree import Tree as Tree
from memscape.landscape.tree import merge_tree as merge_tree
from memscape.landscape.volumes import Basins as Basins
from memscape.landscape.volumes import basins as basins

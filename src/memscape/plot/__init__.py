"""Draw result objects as matplotlib figures; put figures, numbers and text into one self-contained report."""

from memscape.plot.basins import basin_bars as basin_bars
from memscape.plot.basins import well_radii as well_radii
from memscape.plot.check_report import check_report as check_report
from memscape.plot.checks import abstention_scores as abstention_scores
from memscape.plot.checks import load_forecast as load_forecast
from memscape.plot.checks import tolerance_curve as tolerance_curve
from memscape.plot.confusion import confusion_graph as confusion_graph
from memscape.plot.curves import SuccessCurve as SuccessCurve
from memscape.plot.curves import energy_trace as energy_trace
from memscape.plot.curves import success_curves as success_curves
from memscape.plot.engrams import confusion_change as confusion_change
from memscape.plot.engrams import engram_layers as engram_layers
from memscape.plot.engrams import relearning_curves as relearning_curves
from memscape.plot.entropies import entropy_curve as entropy_curve
from memscape.plot.maps import landscape_map as landscape_map
from memscape.plot.matrices import overlap_matrix as overlap_matrix
from memscape.plot.phases import phase_diagram as phase_diagram
from memscape.plot.pictures import recall_strip as recall_strip
from memscape.plot.report import Panel as Panel
from memscape.plot.report import Picture as Picture
from memscape.plot.report import Report as Report
from memscape.plot.report import Table as Table
from memscape.plot.trees import tree as tree

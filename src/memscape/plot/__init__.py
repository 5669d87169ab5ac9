"""Draw result objects as matplotlib figures; put figures, numbers and text into one self-contained report."""

from memscape.plot.basins import basin_bars as basin_bars
from memscape.plot.basins import well_radii as well_radii
from memscape.plot.curves import SuccessCurve as SuccessCurve
from memscape.plot.curves import energy_trace as energy_trace
from memscape.plot.curves import success_curves as success_curves
from memscape.plot.matrices import overlap_matrix as overlap_matrix
from memscape.plot.pictures import recall_strip as recall_strip
from memscape.plot.report import Panel as Panel
from memscape.plot.report import Picture as Picture
from memscape.plot.report import Report as Report
from memscape.plot.report import Table as Table

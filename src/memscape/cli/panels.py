"""From a study to a report: figures, tables and sentences, each with the command that gives them again."""

from matplotlib.figure import Figure

from memscape import plot
from memscape.cli import findings
from memscape.cli.findings import damage_name, percent
from memscape.cli.study import LOWER_HALF, REFERENCE, Strip, Study, fall_stride
from memscape.core.recall import Verdict

NARROW = 5
"""Pictures beside each other on a narrow screen."""


def report(study: Study) -> plot.Report:
    """Return the report of a study, its panels in the order in which they are read."""
    pictures, plan = study.pictures, study.plan
    units, noun = pictures.patterns.shape[1], pictures.noun
    name, load, states = study.visited
    numbers = {
        noun: f"{len(pictures.patterns):,}",
        "units": f"{units:,}",
        "mean overlap of two": f"{study.mean_overlap:.2f}",
        "states visited by a recall": f"{states:,} of 2^{units}",
    }
    lead = [
        f"Up to {plan.loads[-1]:,} {noun} are stored as memories of {units:,} units, damaged, and recalled "
        "by descent in an energy landscape. Every sentence below is made from the numbers of this run: seed "
        f"{plan.seed}, {study.seconds:.0f} seconds. The median recall of {name} with {load:,} stored and "
        f"{damage_name(REFERENCE)} visited {states:,} of the 2^{units} states."
    ]
    page = plot.Report(f"What {len(study.memories)} memories make of {noun}", lead=lead, numbers=numbers)
    for make in (_success, _strips, _correlations, _energy, _wells, _basins, _verdicts):
        page.add(make(study))
    return page


def _success(study: Study) -> plot.Panel:
    plan, reach = study.plan, findings.reach(study)
    curves = [_curve(study, name, load) for load in plan.loads for name in study.memories]
    picture = plot.Picture(
        plot.success_curves(curves),
        alt=f"Success against damage for {len(plan.loads)} loads. {' '.join(reach)}",
        caption="Bands are 95 % intervals (Wilson, or Clopper-Pearson near 0 and 1).",
        narrow=plot.success_curves(curves, columns=1),
    )
    return plot.Panel(
        "Success against damage and load",
        text=[f"Each point is {plan.cues} damaged cues. At {damage_name(REFERENCE)}:"],
        points=reach,
        pictures=[picture],
        tables=[_by_load(study, REFERENCE), _by_load(study, LOWER_HALF)],
        command=study.pictures.command,
    )


def _curve(study: Study, name: str, load: int) -> plot.SuccessCurve:
    cells = [study.cell(name, load, damage) for damage in study.plan.damages]
    columns = zip(*((cell.damage, cell.share, cell.low, cell.high) for cell in cells), strict=True)
    return plot.SuccessCurve(name, load, *columns)


def _by_load(study: Study, damage: float) -> plot.Table:
    rows = [findings.by_load(study, name, damage) for name in study.memories]
    what = f"Recalled exactly, {damage_name(damage)}: share and 95 % interval."
    return plot.Table(["memory", *(f"{load:,} stored" for load in study.plan.loads)], rows, caption=what)


def _strips(study: Study) -> plot.Panel:
    known = study.strips
    chosen = sorted({0, len(known) // 2, len(known) - 1})
    kinds = f"{damage_name(REFERENCE)} and {damage_name(LOWER_HALF)}"
    return plot.Panel(
        "Stored, cued, recalled",
        text=[f"Cues alternate between {kinds}; unknown pixels are blue."],
        pictures=[_strip_picture(study, known[i]) for i in chosen],
        command=_python(study, known[0].patterns, "memory.recall(cue, generator={seed}).state"),
    )


def _strip_picture(study: Study, strip: Strip) -> plot.Picture:
    def draw(count: int) -> Figure:
        rows = {name: pixels[:count] for name, pixels in strip.recalled.items()}
        titles = list(strip.names[:count]) if study.pictures.groups is not None else None
        stored, cue = strip.stored[:count], strip.cue[:count]
        return plot.recall_strip(
            stored, cue, rows, study.pictures.shape, titles=titles, cmap=study.pictures.cmap
        )

    return plot.Picture(
        draw(len(strip.names)),
        alt=f"{len(strip.names)} pictures as stored, as damaged cues, and as recalled by "
        f"{', '.join(strip.recalled)}, with {strip.patterns:,} stored",
        caption=f"{strip.patterns:,} stored.",
        narrow=draw(min(NARROW, len(strip.names))),
        format="png",
    )


def _correlations(study: Study) -> plot.Panel:
    X, groups, loads = study.pictures.patterns, study.pictures.groups, study.plan.loads
    said = findings.correlation(study)
    picture = plot.Picture(
        plot.overlap_matrix(X, groups=groups),
        alt=f"Matrix of the overlaps of all pairs. {said[0]}",
        caption=f"Overlaps of up to 400 of them{'' if groups is None else ', sorted by class'}.",
        format="png",
    )
    rows = [findings.by_load(study, "Hebbian", REFERENCE)]
    rows.append([study.control[0].memory, *(findings.with_interval(cell) for cell in study.control)])
    caption = f"Recalled exactly, {damage_name(REFERENCE)}: share and 95 % interval."
    return plot.Panel(
        "Where Hebb's rule breaks, and what repairs it",
        points=[*said, *findings.repairs(study), *findings.above_capacity(study)],
        pictures=[picture],
        tables=[plot.Table(["stored", *(f"{load:,}" for load in loads)], rows, caption=caption)],
        command=_python(study, len(X), "(X @ X.T / X.shape[1]).fill_diagonal_(0).mean()", memory=False),
    )


def _energy(study: Study) -> plot.Panel:
    ends = {
        name: f"{int((fall.match >= 0).sum())} of {len(fall.match)}" for name, fall in study.falls.items()
    }
    step, stride = "units flipped so far", fall_stride(study.pictures.patterns.shape[1])
    picture = plot.Picture(
        plot.energy_trace(study.falls, step=step, stride=stride),
        alt="Energy per unit, falling flip by flip from damaged cues. Ended in a stored pattern: "
        + ", ".join(f"{name} {count}" for name, count in ends.items()),
        caption="A line is one cue. Dots: the end is a stored pattern; crosses: it is not.",
        narrow=plot.energy_trace(study.falls, columns=1, step=step, stride=stride),
    )
    traces = [fall.trace for fall in study.falls.values() if fall.trace is not None]
    rise = max(float((t.energy.diff(dim=1) / t.energy.abs().amax(1, keepdim=True)).max()) for t in traces)
    steepest = "ms.mechanisms.Asynchronous(order='steepest')"
    return plot.Panel(
        "Energy falls during recall",
        text=[
            f"{study.plan.wells} stored, {damage_name(REFERENCE)}; "
            "each step flips the unit that lowers the energy most."
        ],
        pictures=[picture],
        numbers={
            **{f"ended in a stored pattern, {name}": count for name, count in ends.items()},
            "largest rise from point to point, as a share of |E|": f"{max(0.0, rise):.2g}",
        },
        command=_python(
            study, study.plan.wells, f"memory.recall(cue, dynamics={steepest}, trace=True).trace.energy"
        ),
    )


def _wells(study: Study) -> plot.Panel:
    said = findings.widths(study)
    picture = plot.Picture(
        plot.well_radii(study.radii),
        alt=f"Damage that each of {study.plan.wells} wells stands. {' '.join(said)}",
        caption="The share of flipped units at which half of the recalls still return the exact pattern; "
        "bands are 95 % intervals.",
        narrow=plot.well_radii(study.radii, width=3.8),
    )
    return plot.Panel(
        "How wide the wells are",
        text=[f"{study.plan.wells} stored, {study.plan.trials} cues for each well and step of the search."],
        points=said,
        pictures=[picture],
        command=_python(
            study,
            study.plan.wells,
            "ms.landscape.radius(memory, trials={trials}, generator={seed}).damage.median()",
        ),
    )


def _basins(study: Study) -> plot.Panel:
    said = findings.volumes(study)
    picture = plot.Picture(
        plot.basin_bars(study.basins),
        alt=f"Shares of random starts that end in each of the widest wells. {' '.join(said)}",
        caption="Dark: in the pattern, light: in its negative. Whiskers are 95 % intervals of the dark part.",
        narrow=plot.basin_bars(study.basins, columns=1),
    )
    head = ["memory", "in a pattern", "in a negative", "elsewhere", "different ends", "ends not seen"]
    rows = [
        [
            name,
            *(
                percent(share)
                for share in (float(one.fraction.sum()), float(one.inverted.sum()), one.spurious)
            ),
            f"{one.distinct:,}",
            percent(one.unseen),
        ]
        for name, one in study.basins.items()
    ]
    law = f"{study.plan.wells} stored; {study.plan.starts:,} starts, each unit +1 or -1 by the toss of a coin"
    what = f"{law}. Ends not seen: the share of starts that would end somewhere new, after Good and Turing."
    measure = "ms.landscape.basins(memory, starts={starts}, generator={seed}).share"
    return plot.Panel(
        "Where random starts end",
        points=said,
        pictures=[picture],
        tables=[plot.Table(head, rows, caption=what)],
        command=_python(study, study.plan.wells, measure),
    )


def _verdicts(study: Study) -> plot.Panel:
    newcomers = study.newcomers
    rows = [
        [f"{name}: {kind}", *(f"{said[verdict.name]}" for verdict in Verdict)]
        for name, kinds in newcomers.counts.items()
        for kind, said in kinds.items()
    ]
    ask = "memory.recall(ms.patterns.independent({cues}, {units}, generator={seed}), generator={seed})"
    return plot.Panel(
        "Does it know what it does not know?",
        text=[f"{newcomers.patterns:,} stored."],
        points=[
            *(f"{verdict.name}: {verdict.sentence}" for verdict in Verdict),
            *findings.strangers(newcomers, study.pictures.noun),
            *(f"The library warned: {text}." for text in findings.grouped(study.warned)),
        ],
        tables=[plot.Table(["memory: cues", *(verdict.name for verdict in Verdict)], rows)],
        command=_python(study, newcomers.patterns, ask),
    )


def _python(study: Study, load: int, last: str, *, memory: bool = True) -> str:
    """Return lines of Python that give a panel's numbers for the projection rule again."""
    plan, pictures = study.plan, study.pictures
    lines = ["import memscape as ms", f"X = ms.patterns.{pictures.code!r}.encode({pictures.source})[:{load}]"]
    if memory:
        lines.append("memory = ms.memories.Projection(X)  # or Hebbian, Dense")
    if "recall(cue" in last:
        lines.append(f"cue = ms.patterns.flip(X, {REFERENCE}, generator={plan.seed})")
    values = {"seed": plan.seed, "trials": plan.trials, "starts": plan.starts, "cues": plan.cues}
    lines.append(last.format(units=pictures.patterns.shape[1], **values))
    return "\n".join(lines)

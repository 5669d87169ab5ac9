"""From a study to a report: figures, tables and sentences, each with the command that gives the same again."""

from memscape import plot
from memscape.cli import findings
from memscape.cli.findings import damage_name, percent, with_interval
from memscape.cli.study import LOWER_HALF, REFERENCE, Strip, Study
from memscape.core.recall import Verdict

NARROW = 5
"""Pictures beside each other on a narrow screen."""


def report(study: Study) -> plot.Report:
    """Return the report of a study, its panels in the order in which they are read."""
    pictures, plan = study.pictures, study.plan
    units = pictures.patterns.shape[1]
    name, load, states = study.visited
    numbers = {
        "stored": f"{len(pictures.patterns):,} {pictures.noun}",
        "units": f"{units:,}",
        f"states visited by a recall ({name}, {load:,} stored, median)": f"{states:,} of 2^{units:,}",
        "mean overlap of two": f"{study.mean_overlap:.2f}",
        "cues per point": f"{plan.cues}",
        "seed": f"{plan.seed}",
    }
    lead = [
        f"{len(pictures.patterns):,} {pictures.noun} are stored as memories of {units:,} units, damaged, and recalled "
        f"by descent in an energy landscape. Every sentence below is made from the numbers of this run, which took "
        f"{study.seconds:.0f} seconds.",
    ]
    page = plot.Report(
        f"What {len(study.memories)} memories make of {pictures.noun}", lead=lead, numbers=numbers
    )
    for make in (_success, _strips, _correlations, _energy, _wells, _basins, _verdicts):
        page.add(make(study))
    return page


def _success(study: Study) -> plot.Panel:
    plan = study.plan
    curves = [_curve(study, name, load) for load in plan.loads for name in study.memories]
    shown = f"Success against damage for {len(plan.loads)} loads: {' '.join(findings.reach(study))}"
    picture = plot.Picture(
        plot.success_curves(curves),
        alt=shown,
        caption="Bands are 95 % intervals (Wilson, or Clopper-Pearson near 0 and 1).",
        narrow=plot.success_curves(curves, columns=1),
    )
    return plot.Panel(
        "Success against damage and load",
        text=[f"Each point is {plan.cues} cues. At {damage_name(REFERENCE)}:", *findings.reach(study)],
        pictures=[picture],
        tables=[_by_load(study, REFERENCE), _by_load(study, LOWER_HALF)],
        command=study.pictures.command,
    )


def _curve(study: Study, name: str, load: int) -> plot.SuccessCurve:
    cells = [study.cell(name, load, damage) for damage in study.plan.damages]
    columns = zip(*((cell.damage, cell.share, cell.low, cell.high) for cell in cells), strict=True)
    return plot.SuccessCurve(name, load, *columns)


def _by_load(study: Study, damage: float) -> plot.Table:
    loads = study.plan.loads
    rows = [
        [name, *(with_interval(study.cell(name, load, damage)) for load in loads)] for name in study.memories
    ]
    what = f"Recalled exactly with {damage_name(damage)}: share and 95 % interval in per cent."
    return plot.Table(["memory", *(f"{load:,} stored" for load in loads)], rows, caption=what)


def _strips(study: Study) -> plot.Panel:
    chosen = sorted(
        {study.strips[0].patterns, study.strips[len(study.strips) // 2].patterns, study.strips[-1].patterns}
    )
    strips = [strip for strip in study.strips if strip.patterns in chosen]
    return plot.Panel(
        "Stored, cued, recalled",
        text=[
            f"Cues alternate between {damage_name(REFERENCE)} and {damage_name(LOWER_HALF)}; pixels that the cue does "
            "not know are blue."
        ],
        pictures=[_strip_picture(study, strip) for strip in strips],
        command=_python(study, study.strips[0].patterns, "memory.recall(cue, generator={seed}).state"),
    )


def _strip_picture(study: Study, strip: Strip) -> plot.Picture:
    def draw(count: int) -> plot.pictures.Figure:
        rows = {name: pixels[:count] for name, pixels in strip.recalled.items()}
        titles = list(strip.names[:count]) if study.pictures.groups is not None else None
        options = {"titles": titles, "cmap": study.pictures.cmap}
        return plot.recall_strip(
            strip.stored[:count], strip.cue[:count], rows, study.pictures.shape, **options
        )

    return plot.Picture(
        draw(len(strip.names)),
        alt=f"{len(strip.names)} pictures as stored, as damaged cues, and as recalled by {', '.join(strip.recalled)}, "
        f"with {strip.patterns:,} stored",
        caption=f"{strip.patterns:,} stored.",
        narrow=draw(min(NARROW, len(strip.names))),
        format="png",
    )


def _correlations(study: Study) -> plot.Panel:
    X, groups = study.pictures.patterns, study.pictures.groups
    sorted_by = "" if groups is None else ", sorted by class"
    picture = plot.Picture(
        plot.overlap_matrix(X, groups=groups),
        alt=f"Matrix of the overlaps of all pairs; {findings.correlation(study)[0]}",
        caption=f"Overlaps of up to 400 of them{sorted_by}; the diagonal is 1.",
        format="png",
    )
    loads = study.plan.loads
    rows = [["Hebbian", *(with_interval(study.cell("Hebbian", load, REFERENCE)) for load in loads)]]
    rows.append([study.control[0].memory, *(with_interval(cell) for cell in study.control)])
    caption = f"Recalled exactly with {damage_name(REFERENCE)}, in per cent."
    table = plot.Table(["stored", *(f"{load:,}" for load in loads)], rows, caption=caption)
    return plot.Panel(
        "Where Hebb's rule breaks, and what repairs it",
        text=[*findings.correlation(study), *findings.repairs(study), *findings.above_capacity(study)],
        pictures=[picture],
        tables=[table],
        command=_python(study, len(X), "(X @ X.T / X.shape[1]).fill_diagonal_(0).mean()", memory=False),
    )


def _energy(study: Study) -> plot.Panel:
    ends = {name: int((fall.match >= 0).sum()) for name, fall in study.falls.items()}
    total = len(next(iter(study.falls.values())).match)
    said = ", ".join(f"{name} {count} of {total}" for name, count in ends.items())
    picture = plot.Picture(
        plot.energy_trace(study.falls, step="units flipped so far"),
        alt=f"Energy per unit falling flip by flip from damaged cues; ended in a stored pattern: {said}",
        caption="Dots: the end is a stored pattern; crosses: it is not. A line is one cue.",
        narrow=plot.energy_trace(study.falls, columns=1, step="units flipped so far"),
    )
    rises = max(
        float(fall.trace.energy.diff(dim=1).max()) for fall in study.falls.values() if fall.trace is not None
    )
    n = study.pictures.patterns.shape[1]
    recall = (
        "memory.recall(cue, dynamics=ms.mechanisms.Asynchronous(order='steepest'), trace=True).trace.energy"
    )
    return plot.Panel(
        "Energy falls during recall",
        text=[
            f"{study.plan.wells} stored, {damage_name(REFERENCE)}; each step flips the unit that lowers the energy most. "
            f"Ended in a stored pattern: {said}."
        ],
        pictures=[picture],
        numbers={"largest rise of E/n in one step": f"{max(0.0, rises) / n:.2g}"},
        command=_python(study, study.plan.wells, recall),
    )


def _wells(study: Study) -> plot.Panel:
    picture = plot.Picture(
        plot.well_radii(study.radii),
        alt=f"Damage that each of {study.plan.wells} wells stands, per memory. {' '.join(findings.depth(study))}",
        caption="The share of flipped units at which half of the recalls still return the exact pattern, with 95 % "
        "intervals.",
        narrow=plot.well_radii(study.radii, width=3.8),
    )
    medians = {
        f"median damage, {name}": percent(float(one.damage.median())) for name, one in study.radii.items()
    }
    measure = "ms.landscape.radius(memory, trials={trials}, generator={seed}).damage.median()"
    return plot.Panel(
        "How wide the wells are",
        text=[f"{study.plan.wells} stored, {study.plan.trials} cues for each well and step of the search."],
        pictures=[picture],
        numbers=medians,
        command=_python(study, study.plan.wells, measure),
    )


def _basins(study: Study) -> plot.Panel:
    picture = plot.Picture(
        plot.basin_bars(study.basins),
        alt=f"Shares of random starts that end in each well. {' '.join(findings.depth(study))}",
        caption="Dark: in the pattern, light: in its negative. Whiskers are 95 % intervals of the dark part.",
        narrow=plot.basin_bars(study.basins, columns=1),
    )
    head = [
        "memory",
        "in a stored pattern",
        "in a negative",
        "elsewhere",
        "different ends",
        "ends not yet seen",
    ]
    rows = [
        [
            name,
            percent(float(one.fraction.sum())),
            percent(float(one.inverted.sum())),
            percent(one.spurious),
            f"{one.distinct:,}",
            percent(one.unseen),
        ]
        for name, one in study.basins.items()
    ]
    what = f"{study.plan.starts:,} random starts (fair +-1 units); ends not yet seen after Good and Turing."
    measure = "ms.landscape.basins(memory, starts={starts}, generator={seed}).share"
    return plot.Panel(
        "Where random starts end",
        text=findings.depth(study),
        pictures=[picture],
        tables=[plot.Table(head, rows, caption=what)],
        command=_python(study, study.plan.wells, measure),
    )


def _verdicts(study: Study) -> plot.Panel:
    counts = study.newcomers.counts
    verdicts = [verdict for verdict in Verdict]
    rows = [
        [f"{name}: {kind}", *(f"{said[verdict.name]}" for verdict in verdicts)]
        for name, kinds in counts.items()
        for kind, said in kinds.items()
    ]
    table = plot.Table(["memory: cues", *(verdict.name for verdict in verdicts)], rows)
    return plot.Panel(
        "Does it know what it does not know?",
        text=[
            f"{study.newcomers.patterns:,} stored. " + " ".join(f"{v.name}: {v.sentence}" for v in verdicts),
            *findings.strangers(study.newcomers, study.pictures.noun),
            *(f"The library warned: {text}" for text in study.warned),
        ],
        tables=[table],
        command=_python(
            study,
            study.newcomers.patterns,
            "memory.recall(ms.patterns.independent({cues}, {units}, generator={seed}), generator={seed})",
        ),
    )


def _python(study: Study, load: int, last: str, *, memory: bool = True) -> str:
    """Return lines of Python that give a panel's numbers for the projection rule again."""
    plan, pictures = study.plan, study.pictures
    units = pictures.patterns.shape[1]
    lines = ["import memscape as ms", f"X = ms.patterns.{pictures.code!r}.encode({pictures.source})[:{load}]"]
    if memory:
        lines.append("memory = ms.memories.Projection(X)  # or Hebbian, Dense")
    if "cue" in last and "{cues}" not in last:
        lines.append(f"cue = ms.patterns.flip(X, {REFERENCE}, generator={plan.seed})")
    lines.append(
        last.format(seed=plan.seed, trials=plan.trials, starts=plan.starts, cues=plan.cues, units=units)
    )
    return "\n".join(lines)

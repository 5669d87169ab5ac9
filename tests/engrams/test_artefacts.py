"""Engrams outside the session: files, adapters, keys, reports, other processes."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import memscape as ms
from memscape import engrams
from memscape.core.errors import CapabilityError, FileFormatError, InputError


def second(batch):
    return batch[1]


def weights_after(model, engram, **options):
    with engram.erased(model, **options):
        return {name: value.clone() for name, value in model.state_dict().items()}


def close(a, b, tolerance=1e-6):
    return all(torch.allclose(value, b[name], atol=tolerance) for name, value in a.items())


@pytest.mark.parametrize("dtype", [torch.float64, None])
def test_an_engram_comes_back_from_its_file(stats, mlp, tmp_path, dtype):
    engram = stats.engram(1) + 2 * stats.engram(3)
    wanted = weights_after(mlp, engram)
    engram.save(tmp_path / "e.safetensors", dtype=dtype)
    del stats
    for loaded in (engrams.Engram.load(tmp_path / "e.safetensors"), ms.load(tmp_path / "e.safetensors")):
        assert repr(loaded) == "Engram(1 + 2 * 3; 3 matrices, held)"
        assert loaded.model_hash == engram.model_hash
        assert close(weights_after(mlp, loaded), wanted, 1e-12 if dtype else 1e-6)


def test_a_layer_may_have_a_bar_in_its_name(mlp, data, tmp_path):
    model = nn.Sequential()
    model.add_module("a|b", mlp)
    stats = engrams.collect(model, data, concept=second)
    stats.save(tmp_path / "sums.safetensors")
    stats.engram(0).save(tmp_path / "engram.safetensors", dtype=torch.float64)
    loaded = engrams.Statistics.load(tmp_path / "sums.safetensors", model).engram(0)
    for made in (loaded, engrams.Engram.load(tmp_path / "engram.safetensors")):
        assert close(weights_after(model, made), weights_after(model, stats.engram(0)))


def test_an_engram_of_nothing_is_kept_too(stats, mlp, tmp_path):
    nothing = stats.engram(0) - stats.engram(0)
    nothing.save(tmp_path / "nothing.safetensors")
    for made in (nothing, nothing.held(), engrams.Engram.load(tmp_path / "nothing.safetensors")):
        assert close(weights_after(mlp, made), mlp.state_dict(), 0)


def test_an_engram_from_a_file_is_of_one_model(stats, lab, tmp_path):
    stats.engram(0).save(tmp_path / "e.safetensors")
    loaded = engrams.Engram.load(tmp_path / "e.safetensors")
    other = lab.network(12, 16, 8, 5, seed=7)
    with pytest.raises(InputError, match="is another one"):
        loaded.erase_(other)
    loaded.erase_(other, check=False).revert()
    with pytest.raises(InputError, match=r"no parameter '0\.weight'"):
        loaded.erase_(nn.Linear(12, 16))


def test_engrams_from_files_are_vectors_too(stats, mlp, tmp_path):
    a, b = stats.engram(0), stats.engram(1)
    for name, engram in (("a", a), ("b", b)):
        engram.save(tmp_path / name, dtype=torch.float64)
    loaded = engrams.Engram.load(tmp_path / "a") + engrams.Engram.load(tmp_path / "b")
    assert close(weights_after(mlp, loaded), weights_after(mlp, a + b), 1e-12)
    with pytest.raises(CapabilityError, match="report each one"):
        loaded.report()
    stats.engram(1, ridge=0.5).save(tmp_path / "c")
    with pytest.raises(InputError, match="different totals, ridges or solvers"):
        engrams.Engram.load(tmp_path / "a") + engrams.Engram.load(tmp_path / "c")


def test_a_file_keeps_the_report(stats, tmp_path):
    stats.engram(2).save(tmp_path / "e")
    assert engrams.Engram.load(tmp_path / "e").report().to_dict() == stats.engram(2).report().to_dict()


def test_a_foreign_file_is_told(stats, tmp_path):
    stats.save(tmp_path / "s")
    with pytest.raises(FileFormatError, match="no engram"):
        engrams.Engram.load(tmp_path / "s")
    (tmp_path / "broken").write_bytes(b"nothing")
    with pytest.raises(FileFormatError):
        engrams.Engram.load(tmp_path / "broken")


@given(concepts=st.integers(2, 4), sketch=st.sampled_from([None, 8]), seed=st.integers(0, 20))
@settings(max_examples=6)
def test_statistics_come_back_from_their_file(lab, tmp_path_factory, concepts, sketch, seed):
    model, data = lab.network(9, 5, 3), lab.batches(60, 9, concepts, seed=seed)
    stats = engrams.collect(model, data, concept=second, sketch=sketch)
    path = tmp_path_factory.mktemp("stats") / "s"
    stats.save(path)
    again = engrams.Statistics.load(path, model)
    assert again.counts == stats.counts
    for name in stats.sites:
        a, b = (s.engram(0, ridge=0.1).delta(name).dense() for s in (stats, again))
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_statistics_from_a_file_need_their_model(stats, mlp, lab, tmp_path):
    stats.save(tmp_path / "s")
    loaded = ms.load(tmp_path / "s")
    with pytest.raises(InputError, match="attach"):
        loaded.engram(0).delta("0")
    with pytest.raises(InputError, match="not what it was"):
        loaded.attach(lab.network(12, 16, 8, 5, seed=2))
    assert close(weights_after(mlp, loaded.attach(mlp).engram(0)), weights_after(mlp, stats.engram(0)), 0.0)


def test_a_low_rank_file_is_small(lab, tmp_path):
    model = nn.Sequential(nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 500))
    x = torch.randn(300, 500, generator=torch.Generator().manual_seed(0))
    stats = engrams.collect(model, [(x, torch.arange(300) % 3)], concept=second)
    path = tmp_path / "e"
    stats.engram(0, rank=4).save(path)
    assert path.stat().st_size <= 0.02 * sum(p.numel() * 4 for p in model.parameters())


def test_report_figures_are_those_of_the_rows_themselves(stats, mlp, data):
    """The certificate needs no data: it equals direct evaluation."""
    x, y = torch.cat([x for x, _ in data]), torch.cat([y for _, y in data])
    engram = stats.engram(1)
    row = engram.report().layers[0]
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    rows = torch.cat([x, ones], 1)
    w = torch.cat([mlp[0].weight, mlp[0].bias[:, None]], 1).detach()
    d = engram.delta("0").dense()[0]
    own, rest = rows[y == 1], rows[y != 1]
    assert row.specificity == pytest.approx(float((rest @ d.T).norm() / (rest @ w.T).norm()), abs=1e-6)
    assert row.reactivation == pytest.approx(float((own @ d.T).norm() / (own @ w.T).norm()), abs=1e-6)
    assert row.necessity == pytest.approx(float((own @ (w - d).T).norm() / (own @ w.T).norm()), abs=1e-6)
    assert row.relative_norm == pytest.approx(float(d.norm() / w.norm()), abs=1e-6)
    assert row.rows == 30
    assert 1 <= row.effective_rank <= 12


def test_a_report_is_a_table(stats):
    lines = (stats.engram(0) + stats.engram(2)).report().table().splitlines()
    assert lines[0].split()[1:3] == ["relative_norm", "specificity"]
    assert len(lines) == 4
    assert stats.engram(0).table() == stats.engram(0).report().table()


def test_an_engram_is_a_memory_that_the_landscape_measures(stats):
    memory = stats.engram(0).as_memory("2", most=5)
    assert ms.as_memory(stats.engram(0)).units == 12
    assert memory.units == 16
    assert bool(memory.recall(memory.patterns, generator=0).exact.all())
    basins = ms.landscape.basins(memory, starts=200, generator=0, progress=False)
    assert float(basins.share) > 0


def test_keys_are_read_by_the_engram(stats):
    found, strength = engrams.keys(stats.engram(0), "2", most=3)
    d = stats.engram(0).delta("2").dense()[0, :, :-1]
    assert torch.allclose((found @ d.T).norm(dim=1), strength)
    with pytest.raises(InputError, match="no layer"):
        engrams.keys(stats.engram(0), "head")


def lora(model, folder, scale=1.0):
    """What peft does with an adapter, by its documented rule W + (lora_alpha / r) B A, without peft."""
    from safetensors.torch import load_file

    tensors, config = (
        load_file(folder / "adapter_model.safetensors"),
        json.loads((folder / "adapter_config.json").read_text()),
    )
    factor = scale * config["lora_alpha"] / config["r"]
    for name in config["target_modules"]:
        key = f"base_model.model.{name}.lora_"
        module = model.get_submodule(name)
        change = tensors[key + "B.weight"].flatten(1) @ tensors[key + "A.weight"].flatten(1)
        with torch.no_grad():
            module.weight += factor * change.reshape(module.weight.shape)
            if key + "B.bias" in tensors:
                module.bias += factor * tensors[key + "B.bias"]


@pytest.mark.parametrize("bias", [True, False])
def test_an_adapter_does_what_the_engram_does(bias, tmp_path):
    torch_generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(20, 6))
    x, y = torch.randn(40, 3, 4, 4, generator=torch_generator), torch.arange(40) % 2
    engram = engrams.collect(model, [(x, y)], concept=second).engram(0, bias=bias)
    with torch.no_grad(), engram.erased(model):
        wanted = model(x)
    engram.to_peft(tmp_path / "a", rank=27)
    back = engrams.from_peft(tmp_path / "a", model)
    with torch.no_grad(), back.erased(model):
        assert torch.allclose(model(x), wanted, atol=1e-5)
    lora(model, tmp_path / "a")
    with torch.no_grad():
        assert torch.allclose(model(x), wanted, atol=1e-5)


def test_peft_itself_reads_the_adapter(tmp_path):
    peft = pytest.importorskip("peft", reason="needs peft: pip install '.[peft]'")
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 6))
    x, y = torch.randn(40, 12, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    engram = engrams.collect(model, [(x, y)], concept=second).engram(0)
    with torch.no_grad(), engram.erased(model):
        wanted = model(x)
    engram.to_peft(tmp_path / "a", rank=12)
    adapted = peft.PeftModel.from_pretrained(model, str(tmp_path / "a"))
    with torch.no_grad():
        assert torch.allclose(adapted(x), wanted, atol=1e-5)
        with adapted.disable_adapter():
            assert not torch.allclose(adapted(x), wanted, atol=1e-2)


def test_what_an_adapter_cannot_hold_is_named(tmp_path):
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2))
    ids = torch.randint(0, 9, (20, 3), generator=torch.Generator().manual_seed(0))
    engram = engrams.collect(model, [(ids, torch.arange(20) % 2)], concept=second).engram(0)
    with pytest.raises(CapabilityError, match="cannot hold 0"):
        engram.to_peft(tmp_path / "a")
    engram.only("1").to_peft(tmp_path / "a")
    with pytest.raises(InputError, match="no linear layer '1'"):
        engrams.from_peft(tmp_path / "a", nn.Sequential(nn.Linear(4, 2)))
    with pytest.raises(FileNotFoundError):
        engrams.from_peft(tmp_path / "b", model)


def test_norm_scaled_strengths_favour_the_layers_that_hold_most(stats, mlp):
    alpha = engrams.norm_scaled(stats.engram(0), mlp)
    assert max(alpha.values()) == 1.0
    assert all(0 < a <= 1 for a in alpha.values())
    assert set(engrams.norm_scaled(stats.engram(0), mlp, power=0).values()) == {1.0}


def test_a_search_never_ends_below_its_start(stats, mlp, data):
    x, y = torch.cat([x for x, _ in data]), torch.cat([y for _, y in data])
    usual = mlp(x).detach()

    def score(model):
        change = (model(x).detach() - usual).norm(dim=1)
        return float(model(x)[y == 0].detach().norm() * -1 - change[y != 0].norm())

    before = {n: v.clone() for n, v in mlp.state_dict().items()}
    found = engrams.search(stats.engram(0), mlp, score, evaluations=40, progress=False)
    assert all(torch.equal(v, before[n]) for n, v in mlp.state_dict().items())
    with stats.engram(0).erased(mlp, alpha=found.alpha):
        assert score(mlp) == pytest.approx(found.score)
    assert found.score > found.before
    assert found.evaluations <= 40
    with pytest.raises(InputError, match="finite"):
        engrams.search(stats.engram(0), mlp, lambda model: float("nan"))


@given(seed=st.integers(0, 99), count=st.integers(1, 3))
@settings(max_examples=6)
def test_inserted_pairs_are_answered_and_the_rest_is_not(lab, seed, count):
    """Keys outside the span of what was seen: written exactly, nothing else is touched."""
    model = nn.Linear(12, 4, dtype=torch.float64)
    x = lab.rows(30, 12, seed)
    x[:, 8:] = 0
    stats = engrams.collect(model, [(x, torch.arange(30) % 2)], concept=second)
    keys, values = torch.zeros(count, 12, dtype=x.dtype), lab.rows(count, 4, seed + 1)
    keys[:, 8 : 8 + count] = torch.eye(count, dtype=x.dtype)
    usual, bias = model(x).detach(), model.bias.detach()
    edit = engrams.insert(model, keys, values, layer="model", statistics=stats, ridge=1e-9)
    assert torch.allclose(model(keys).detach() - bias, values, atol=1e-5)
    assert torch.allclose(model(x).detach(), usual, atol=1e-5)
    edit.revert()
    assert torch.equal(model(x).detach(), usual)


def test_what_a_weight_holds_inside_of_a_concept_is_its_engram(stats, mlp):
    held = dict(mlp.named_parameters())
    for engram in (
        stats.engram(1),
        stats.engram([0, 1]) + stats.engram(1),
        stats.engram([0, 1]) - stats.engram(1),
    ):
        inside = engrams.project({name: p.detach() for name, p in held.items()}, engram, keep="inside")
        for name, site in engram.sites.items():
            whole = torch.cat([inside[site.weight], inside[site.bias][:, None]], 1)
            assert torch.allclose(whole, engram.delta(name).dense()[0].to(whole), rtol=0, atol=1e-12)


def test_an_update_is_kept_inside_or_outside_a_concept(stats, mlp, lab):
    update = {n: lab.rows(p.numel(), 1, 5).reshape(p.shape) for n, p in mlp.named_parameters()}
    parts = {k: engrams.project(update, stats.engram(1), keep=k) for k in ("inside", "outside")}
    for name, whole in update.items():
        assert torch.allclose(parts["inside"][name] + parts["outside"][name], whole)
    alone = engrams.project({"0.weight": update["0.weight"]}, stats.engram(1, bias=False), keep="inside")
    assert list(alone) == ["0.weight"]
    with pytest.raises(InputError, match="keep is 'both'"):
        engrams.project(update, stats.engram(1), keep="both")


def test_an_update_outside_a_concept_leaves_its_answers(lab):
    """Where concepts live in different directions the projection is exact."""
    model, x = nn.Linear(8, 3, bias=False, dtype=torch.float64), torch.zeros(20, 8, dtype=torch.float64)
    y = torch.arange(20) % 2
    x[y == 0, :4], x[y == 1, 4:] = lab.rows(10, 4), lab.rows(10, 4, 1)
    stats = engrams.collect(model, [(x, y)], concept=second)
    kept = engrams.project({"weight": lab.rows(3, 8)}, stats.engram(0, solver="pinv"))["weight"]
    assert float((x[y == 0] @ kept.T).abs().max()) < 1e-9
    assert float((x[y == 1] @ kept.T).abs().max()) > 0.1


def _process(rank, folder, sketch):
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).double()
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(i), dtype=p.dtype))
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    y = torch.where(
        torch.arange(40) < 20, torch.arange(40) % 2, torch.arange(40) % 3
    )  # concept 2: one process only
    half = slice(20 * rank, 20 * rank + 20)
    wrapped = nn.parallel.DistributedDataParallel(model)
    stats = engrams.collect(wrapped, [(x[half], y[half])], concept=second, sketch=sketch)
    whole = engrams.collect(model, [(x, y)], concept=second, sketch=sketch)
    ok = stats.counts == whole.counts
    for name in stats.inputs:
        ok &= torch.allclose(stats.inputs[name].total(True), whole.inputs[name].total(True))
    for c in whole.concepts:
        a, b = (s.engram(c).delta("2").dense() for s in (stats, whole))
        ok &= torch.allclose(a, b, atol=1e-9)
    with open(f"{folder}/{rank}", "w") as file:
        file.write(str(bool(ok)))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("sketch", [None, 20])
def test_processes_add_up_what_they_saw(tmp_path, sketch):
    torch.multiprocessing.spawn(_process, (str(tmp_path), sketch), nprocs=2)
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["True", "True"]


def test_a_file_holds_floating_point_numbers(stats, tmp_path):
    with pytest.raises(InputError, match=r"dtype is torch\.int8"):
        stats.engram(0).save(tmp_path / "engram", dtype=torch.int8)

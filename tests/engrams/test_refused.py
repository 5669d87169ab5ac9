"""Models whose weights cannot be read and written as they are.

Refused with the reason, and left as they were.
"""

import copy
import warnings

import pytest
import torch
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError


def second(batch):
    return batch[1]


def rows():
    return [(torch.eye(4), torch.arange(4) % 2)]


def weights(model):
    return {
        name: value.clone() for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)
    }


@pytest.fixture
def alone(tmp_path):
    """One process that is a group of its own: enough to shard a parameter."""
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def refused(model, reason):
    """Neither a pass nor an edit touches the model; the reason is said."""
    plain = nn.Sequential(nn.Linear(4, 2))
    engram = engrams.collect(plain, rows(), concept=second).engram(0)
    before = weights(model)
    with pytest.raises(engrams.UnsupportedError, match=reason):
        engrams.collect(model, rows(), concept=second)
    with pytest.raises(engrams.UnsupportedError, match=reason):
        engram.erase_(model)
    with pytest.raises(engrams.UnsupportedError, match=reason), engrams.composed(model, engram):
        pass
    after = weights(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items() if not value.is_meta)


def test_a_sharded_parameter_is_refused(alone):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, distribute_tensor

    model = nn.Sequential(nn.Linear(4, 2))
    mesh = init_device_mesh("cpu", (1,))
    spread = distribute_tensor(model[0].weight.detach(), mesh, [Replicate()])
    model[0].weight = nn.Parameter(spread)
    with pytest.raises(engrams.UnsupportedError, match=r"'0\.weight' is sharded \(DTensor\)"):
        engrams.collect(model, rows(), concept=second)


def test_a_module_that_is_sharded_is_refused_with_the_way_to_its_whole_weights(alone):
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model = nn.Sequential(nn.Linear(4, 2))
    plain = copy.deepcopy(model)
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    with pytest.raises(engrams.UnsupportedError, match=r"FSDPSequential.*is sharded; load its whole weights"):
        engrams.collect(model, rows(), concept=second)
    with pytest.raises(engrams.UnsupportedError, match="is sharded"):
        engrams.collect(plain, rows(), concept=second).engram(0).erase_(model)
    whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    assert all(torch.equal(value, whole[name]) for name, value in plain.state_dict().items())
    plain.load_state_dict(whole)
    engrams.collect(plain, rows(), concept=second)


def test_the_shards_of_an_older_kind_are_known_by_their_class_wherever_they_stand(alone):
    from torch.distributed.fsdp import FullyShardedDataParallel

    class Wrapped(FullyShardedDataParallel):
        """A subclass under another name."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Wrapped(nn.Sequential(nn.Linear(4, 2)), device_id=torch.device("cpu"))
    with pytest.raises(engrams.UnsupportedError, match="'model' \\(Wrapped\\) is sharded"):
        engrams.collect(model, rows(), concept=second)
    with pytest.raises(engrams.UnsupportedError, match="is sharded \\(FlatParameter\\)"):
        engrams.collect(model.module, rows(), concept=second)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.LazyLinear(2)), "'2' (LazyLinear)"),
        (nn.Sequential(nn.LazyConv1d(2, 1)), "'0' (LazyConv1d)"),
        (nn.Sequential(nn.Linear(4, 2), nn.LazyBatchNorm1d(affine=False)), "'1' (LazyBatchNorm1d)"),
    ],
    ids=["linear", "convolution", "buffers alone"],
)
def test_a_layer_without_weights_is_named_before_the_pass_and_works_after_one_batch(model, layer):
    def never():
        raise AssertionError("a batch was read")
        yield

    said = f"layer {layer} has no weights before its first batch; run the model once: model(batch)"
    with pytest.raises(engrams.UnsupportedError) as caught:
        engrams.collect(model, never(), concept=second)
    assert said == str(caught.value)
    if not isinstance(model[0], nn.Conv1d):
        model(torch.eye(4))
        assert engrams.collect(model, rows(), concept=second).counts == {0: 2, 1: 2}


def test_a_parameter_that_waits_for_its_shape_is_named():
    model = nn.Sequential(nn.Linear(4, 2))
    model[0].extra = nn.UninitializedParameter()
    with pytest.raises(engrams.UnsupportedError, match=r"'0\.extra' has no numbers before its first batch"):
        engrams.collect(model, rows(), concept=second)


def test_weights_of_inference_mode_are_read_anywhere_and_written_only_there():
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(4, 2))
    engram, before = engrams.collect(model, rows(), concept=second).engram(0), weights(model)
    with pytest.raises(engrams.UnsupportedError, match=r"'0\.weight' was made in torch.inference_mode"):
        engram.erase_(model)
    with torch.inference_mode(), engram.erased(model):
        assert not torch.equal(model[0].weight, before["0.weight"])
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())
    own = copy.deepcopy(model)
    engram.erase_(own).revert()
    assert all(torch.equal(value, before[name]) for name, value in weights(own).items())


def test_a_model_compiled_in_place_is_refused():
    model = nn.Sequential(nn.Linear(4, 2))
    model.compile()
    refused(model, "is compiled")


def test_a_model_on_the_meta_device_is_refused():
    refused(nn.Sequential(nn.Linear(4, 2, device="meta")), "meta device")


def test_a_quantised_model_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 2)), {nn.Linear})
    with pytest.raises(engrams.UnsupportedError, match="is quantised; collect and edit the floating-point"):
        engrams.collect(model, rows(), concept=second)


@pytest.mark.parametrize("name", ["Linear4bit", "Linear8bitLt", "WQLinear_GEMM"])
def test_quantised_layers_of_other_packages_are_known_by_name(name):
    kind = type(name, (nn.Linear,), {})
    refused(nn.Sequential(kind(4, 2)), "is quantised")


def test_a_parameter_of_another_tensor_type_is_refused():
    class Packed(torch.Tensor):
        """What a quantising package puts in the place of a weight."""

    model = nn.Sequential(nn.Linear(4, 2))
    model[0].weight = nn.Parameter(torch.ones(2, 4).as_subclass(Packed), requires_grad=False)
    with pytest.raises(engrams.UnsupportedError, match="is a Packed, no plain tensor"):
        engrams.collect(model, rows(), concept=second)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda e, m: e.erase_(m, alpha=float("nan")), "finite number"),
        (lambda e, m: e.erase_(m, alpha={"9": 1.0}), "alpha names 9"),
        (lambda e, m: e.erase_(m, tied="some"), "tied is 'some'"),
        (lambda e, m: e.erase_(nn.Sequential(nn.Linear(4, 3))), "is not what it was"),
        (lambda e, m: e.erase_(nn.Sequential(nn.Linear(5, 2))), "of another model"),
        (lambda e, m: e.only("9"), "no layer is called 9"),
        (lambda e, m: e * float("inf"), "finite number"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_bad_input_leaves_the_model_as_it_was(break_it, reason):
    model = nn.Sequential(nn.Linear(4, 2))
    engram = engrams.collect(model, rows(), concept=second).engram(0)
    before = weights(model)
    with pytest.raises(InputError, match=reason):
        break_it(engram, model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    engram.erase_(model).revert()  # nothing is left in force
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_copy_of_the_model_is_the_same_model():
    model = nn.Sequential(nn.Linear(4, 2))
    engram = engrams.collect(model, rows(), concept=second).engram(0)
    twin = copy.deepcopy(model)
    with engram.erased(model), engram.erased(twin):
        assert torch.equal(model[0].weight, twin[0].weight)


def test_a_nan_inside_the_network_names_the_layer_that_sees_it():
    class Breaks(nn.Module):
        def forward(self, x):
            return x / 0 * 0

    model = nn.Sequential(nn.Linear(4, 3), Breaks(), nn.Linear(3, 2))
    before = weights(model)
    with pytest.raises(InputError, match="layer '2' saw 12 NaN or infinite values of 12 in batch 1"):
        engrams.collect(model, rows(), concept=second)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_loader_that_fails_writes_its_checkpoint(tmp_path):
    model = nn.Linear(4, 2)

    def failing():
        yield from rows()
        raise OSError("disk gone")

    path = tmp_path / "half.safetensors"
    with pytest.raises(engrams.LoaderError, match="disk gone"):
        engrams.collect(model, failing(), concept=second, checkpoint=path)
    half = engrams.Statistics.load(path, model)
    assert (half.batches, half.complete) == (1, False)
    whole = engrams.collect(model, rows() * 2, concept=second, resume=half)
    assert whole.counts == {0: 4, 1: 4}

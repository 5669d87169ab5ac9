"""While tests run, every call in memscape keeps to its annotations: types, and axes across arguments."""

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from memscape.kernels import packing
from memscape.landscape.scoring import Score
from memscape.mechanisms import broadcasting, coding

pytestmark = pytest.mark.skipif("not config.getini('check_shapes')", reason="nothing is checked")


def test_an_argument_of_another_type_is_refused():
    with pytest.raises(TypeError, match="violates type hint"):
        coding.k_winners(torch.zeros(4), "two")


def test_axes_of_one_name_are_of_one_size():
    states = torch.ones(3, 8, dtype=torch.int8)
    assert packing.overlaps(states, states[:2]).shape == (3, 2)
    with pytest.raises(TypeError, match="violates type hint"):
        packing.overlaps(states, torch.ones(2, 9, dtype=torch.int8))
    with pytest.raises(TypeError, match="violates type hint"):
        broadcasting.broadcast(torch.zeros(3, 4), torch.zeros(5))


def test_what_is_returned_has_the_axes_of_what_was_given():
    def halved(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return x[::2]

    with pytest.raises(TypeError, match="violates type hint"):
        packing.__checked__(halved)(torch.zeros(4))


def test_a_call_within_a_call_has_its_own_axes():
    checked = packing.__checked__

    @checked
    def inner(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return x

    @checked
    def outer(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        inner(x[1:])
        return x

    assert outer(torch.zeros(4)).shape == (4,)


def test_fields_of_a_dataclass_are_checked_when_it_is_made():
    fields = {"value": 0.5, "share": 0.5, "share_interval": torch.zeros(2), "guaranteed": 0.0, "worst": 0.0}
    Score(interval=torch.zeros(2), settings={}, **fields)
    with pytest.raises(TypeError, match="violates type hint"):
        Score(interval=torch.zeros(3), settings={}, **fields)


def test_methods_and_properties_are_checked():
    code = coding.CompetitiveCode(2, 3)
    assert code.units == 6
    with pytest.raises(TypeError, match="violates type hint"):
        code.familiarity([0.0] * 6)
    with pytest.raises(TypeError, match="violates type hint"):
        coding.CompetitiveCode("two", 3)


def test_what_is_imported_for_the_type_checker_alone_goes_unchecked():
    def given(guard: "NowhereAtRunTime", size: "int") -> "list[int]":
        return [size]

    checked = packing.__checked__(given)
    assert checked(None, 3) == [3]
    assert checked.__annotations__["guard"] == "NowhereAtRunTime"
    with pytest.raises(TypeError, match="violates type hint"):
        checked(None, "three")

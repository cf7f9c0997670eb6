from __future__ import annotations

import keyword
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import ContractError, CsvFormat, DataContract, FeatureSpec, category, number, target, timestamp
from contract.model_inputs import ModelInputs, tensor_name

NAMES = (
    st.one_of(st.text(min_size=1), st.sampled_from(["a", "A", "class", "None", "self", "input_a"]))
    .map(str.strip)
    .filter(bool)
)


def inputs(*features: FeatureSpec, missing: tuple[str, ...] = ("", "NaN", "-999")) -> ModelInputs:
    contract = DataContract(
        name="people",
        record_format="csv",
        csv=CsvFormat(missing=missing),
        features=(*features, target("y")),
    )
    return ModelInputs.of(contract)


def read(feature: FeatureSpec, value: Any) -> Any:
    other = number("other", default=0)
    found = inputs(feature, other).read({feature.name: value}, "instances[0]")
    return found[tensor_name(feature.name)]


@given(st.lists(NAMES, min_size=2, unique=True))
def test_tensor_names_are_tensorflows_and_no_two_are_the_same(names: list[str]) -> None:
    found = [tensor_name(name) for name in names]
    assert len({name.lower() for name in found}) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) and not keyword.iskeyword(name) for name in found)


def test_tensor_name_of_a_plain_name_is_itself() -> None:
    assert [tensor_name(name) for name in ("age", "pickup_lon_2")] == ["age", "pickup_lon_2"]


def test_inputs_are_what_they_were_after_writing_and_reading() -> None:
    written = inputs(
        number("length (cm)", default=1), category("gr\u00f6\u00dfe", missing=()), timestamp("when")
    )
    assert ModelInputs.from_text(written.to_text()) == written
    dated = inputs(timestamp("when", date_format="%d.%m.%Y", default="01.02.2000"))
    assert dated.inputs[0].feature.default == "2000-02-01 00:00:00"
    assert ModelInputs.from_text(dated.to_text()) == dated


@pytest.mark.parametrize("value", [None, math.nan, "", " NaN ", -999, -999.0, "-999"])
def test_read_of_any_spelling_of_a_missing_value_gives_the_default(value: Any) -> None:
    assert read(number("age", default=7.5), value) == 7.5


@pytest.mark.parametrize("feature", [category("town", default="?"), timestamp("town", default="2018-01-31")])
@pytest.mark.parametrize("value", [None, "", "\u00a0", "NaN", {"b64": ""}])
def test_read_of_a_missing_text_gives_the_default(feature: FeatureSpec, value: Any) -> None:
    assert read(feature, value) == feature.default


@pytest.mark.parametrize("feature", [number("x"), category("x"), timestamp("x")])
@pytest.mark.parametrize("value", [None, math.nan, "", "NaN"])
def test_read_of_a_missing_value_without_a_default_names_it(feature: FeatureSpec, value: Any) -> None:
    with pytest.raises(ContractError) as caught:
        read(feature, value)
    assert caught.value.field == "instances[0].x"


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (number("age"), 39, 39),
        (number("age"), 0.5, 0.5),
        (number("age"), 16777216.0, 16777216.0),
        (category("job"), "Private\u00a0", "Private"),
        (category("job"), "cafe\u0301", "caf\u00e9"),
        (category("job"), {"b64": "Y2Fmw6k="}, "caf\u00e9"),
        (category("job", missing=("",)), "NaN", "NaN"),
        (category("zone", vocabulary=("1", "2")), 2, "2"),
        (category("zone", vocabulary=("1", "2"), missing=("-1",), default="1"), -1, "1"),
        (number("age"), 2**70, float(2**70)),
        (FeatureSpec(name="count", dtype="int64"), 3.0, 3),
        (category("zone", vocabulary=("1", "2")), 2.0, "2"),
        (FeatureSpec(name="zone", dtype="int64", vocabulary=("a", "b"), first_index=5), "b", 6),
        (timestamp("when", timezone="Asia/Tokyo"), "2018-01-31T23:59:00Z", "2018-02-01 08:59:00"),
    ],
)
def test_read_gives_the_value_as_the_conversion_did(feature: FeatureSpec, value: Any, expected: Any) -> None:
    assert read(feature, value) == expected


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (number("x"), True),
        (number("x", missing=("1",), default=0), True),
        (category("x", vocabulary=("1",)), True),
        (category("x", vocabulary=("1",)), 10**400),
        (timestamp("x"), "9999-12-31T23:59:59-01:00"),
        (FeatureSpec(name="x", dtype="int64"), 3.5),
        (number("x"), "39"),
        (number("x"), [1]),
        (number("x"), math.inf),
        (number("x"), 16777217),
        (number("x"), 16777217.0),
        (number("x"), 10**400),
        (category("x"), 5),
        (category("x"), True),
        (category("x"), ["a"]),
        (category("x"), {"b64": "/w=="}),
        (category("x"), {"a": 1}),
        (category("x", vocabulary=("a",)), "b"),
        (timestamp("x"), "31/01/2018"),
    ],
)
def test_read_of_a_value_that_the_feature_can_not_have_names_it(feature: FeatureSpec, value: Any) -> None:
    with pytest.raises(ContractError) as caught:
        read(feature, value)
    assert (caught.value.field, caught.value.received) == ("instances[0].x", value)


def test_read_of_a_name_in_another_normal_form_is_the_same_name() -> None:
    found = inputs(number("gr\u00f6\u00dfe"), number("b")).read(
        {"gro\u0308\u00dfe": 1, "b": 2}, "instances[0]"
    )
    assert sorted(found.values()) == [1, 2]


def test_read_of_an_unknown_name_names_it() -> None:
    with pytest.raises(ContractError) as caught:
        inputs(number("a", default=0), number("b", default=0)).read({"c": 1}, "instances[3]")
    assert caught.value.field == "instances[3].c"


def test_read_of_one_input_takes_its_bare_value() -> None:
    assert inputs(number("a")).read(3, "instances[0]") == {"a": 3}
    assert inputs(category("a")).read({"b64": "YQ=="}, "instances[0]") == {"a": "a"}


def test_read_of_no_object_names_the_instance() -> None:
    with pytest.raises(ContractError) as caught:
        inputs(number("a"), number("b")).read([1, 2], "instances[1]")
    assert caught.value.field == "instances[1]"


def test_read_of_a_name_in_two_normal_forms_is_refused() -> None:
    both = {"gr\u00f6\u00dfe": 1, "gro\u0308\u00dfe": 2, "b": 3}
    with pytest.raises(ContractError) as caught:
        inputs(number("gr\u00f6\u00dfe"), number("b")).read(both, "instances[0]")
    assert caught.value.field == "instances[0]"

import pytest

from trainer.errors import InputError
from trainer.tables.options import RegressionOptions, WideDeepOptions


def test_wide_deep_layers_with_defaults_follow_the_sources_formula():
    assert WideDeepOptions().layers == (100, 70, 48, 34)


def test_wide_deep_layers_with_few_units_keep_two():
    assert WideDeepOptions(first_layer_size=3, num_layers=4, scale_factor=0.5).layers == (3, 2, 2, 2)


def test_regression_layers_are_the_hidden_units():
    assert RegressionOptions(hidden_units="128 32 4").layers == (128, 32, 4)


def test_cross_groups_with_spaces_are_names():
    assert WideDeepOptions(crosses="a + b, b+c+d").cross_groups == (("a", "b"), ("b", "c", "d"))


@pytest.mark.parametrize(
    ("options", "value", "message"),
    [
        (WideDeepOptions, {"num_layers": 0}, "--num-layers: expected 1 or more, received 0"),
        (WideDeepOptions, {"scale_factor": 0.0}, "--scale-factor: expected a number above 0"),
        (WideDeepOptions, {"dropout": 1.0}, "--dropout: expected 0 to below 1"),
        (WideDeepOptions, {"crosses": "alone"}, "--crosses: expected groups of two or more names"),
        (RegressionOptions, {"hidden_units": "8 x"}, "--hidden-units: expected numbers of 1 or more"),
        (RegressionOptions, {"hidden_units": ""}, "--hidden-units: expected"),
        (RegressionOptions, {"points": "a,b,c"}, "--points: expected no or four names"),
        (RegressionOptions, {"exact": ","}, "--exact: expected names"),
        (RegressionOptions, {"timestamp": "a,,b"}, "--timestamp: expected names"),
        (RegressionOptions, {"huber_delta": float("inf")}, "--huber-delta: expected a number above 0"),
        (RegressionOptions, {"pieces": 101}, "--pieces: expected 0 to 100"),
    ],
)
def test_options_out_of_range_are_refused(options, value, message):
    with pytest.raises(InputError, match=message):
        options(**value)

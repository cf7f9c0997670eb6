import pytest

from emulator.routing import Route, Router

ROUTES = [
    Route("s", "get", "GET", "/v1/{name=projects/*/models/*}", None),
    Route("s", "export", "POST", "/v1/{name=projects/*/models/*}:export", None),
    Route("s", "object", "GET", "/storage/v1/b/{bucket}/o/{object}", None),
    Route("s", "part", "GET", "/{bucket}/{object=**}?part&upload", None),
    Route("s", "xml", "GET", "/{bucket}/{object=**}", None),
]


@pytest.mark.parametrize(
    ("method", "path", "api_method", "fields"),
    [
        ("GET", "/v1/projects/p/models/1", "get", {"name": "projects/p/models/1"}),
        ("POST", "/v1/projects/p/models/1:export", "export", {"name": "projects/p/models/1"}),
        ("GET", "/storage/v1/b/bkt/o/a%2Fb%20c", "object", {"bucket": "bkt", "object": "a/b c"}),
        ("GET", "/bkt/a/b:c", "xml", {"bucket": "bkt", "object": "a/b:c"}),
    ],
)
def test_match_fitting_path_decodes_its_fields(method, path, api_method, fields):
    found = Router(ROUTES).match(method, path)
    assert found is not None
    assert (found.route.api_method, found.fields) == (api_method, fields)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/projects/p/models/1:export"),
        ("GET", "/v1/projects/p/models/1/more"),
        ("DELETE", "/v1/projects/p/models/1"),
        ("GET", "/storage/v1/b/bkt/o/a/b"),
        ("GET", "/"),
    ],
)
def test_match_other_path_is_none(method, path):
    assert Router(ROUTES).match(method, path) is None


@pytest.mark.parametrize(
    ("parameters", "api_method"), [({"part", "upload", "x"}, "part"), ({"part"}, "xml"), (set(), "xml")]
)
def test_match_looks_at_the_parameters_of_a_template(parameters, api_method):
    found = Router(ROUTES).match("GET", "/bkt/a", parameters)
    assert found is not None
    assert found.route.api_method == api_method

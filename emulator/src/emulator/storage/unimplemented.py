"""The methods of the JSON API that aren't emulated: each answers 501 with its name.

https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

from emulator.routing import Route

_BASE = "/storage/v1"
_CRUD = (
    ("list", "GET", ""), ("insert", "POST", ""), ("get", "GET", "/{id}"), ("delete", "DELETE", "/{id}"),
)  # fmt: skip
_CHANGES = (("patch", "PATCH", "/{id}"), ("update", "PUT", "/{id}"))
_COLLECTIONS = (
    ("anywhereCaches", "/b/{bucket}/anywhereCaches", (
        ("list", "GET", ""), ("insert", "POST", ""), ("get", "GET", "/{id}"), ("update", "PATCH", "/{id}"),
        ("pause", "POST", "/{id}/pause"), ("resume", "POST", "/{id}/resume"),
        ("disable", "POST", "/{id}/disable"),
    )),
    ("bucketAccessControls", "/b/{bucket}/acl", _CRUD + _CHANGES),
    ("buckets", "/b/{bucket}", (
        ("update", "PUT", ""), ("lockRetentionPolicy", "POST", "/lockRetentionPolicy"),
        ("relocate", "POST", "/relocate"), ("restore", "POST", "/restore"),
    )),
    ("channels", "/channels", (("stop", "POST", "/stop"),)),
    ("defaultObjectAccessControls", "/b/{bucket}/defaultObjectAcl", _CRUD + _CHANGES),
    ("folders", "/b/{bucket}/folders", (*_CRUD, ("rename", "POST", "/{id}/renameTo/folders/{target}"))),
    ("managedFolders", "/b/{bucket}/managedFolders", (
        *_CRUD[1:], ("getIamPolicy", "GET", "/{id}/iam"), ("setIamPolicy", "PUT", "/{id}/iam"),
        ("testIamPermissions", "GET", "/{id}/iam/testPermissions"),
    )),
    ("notifications", "/b/{bucket}/notificationConfigs", _CRUD),
    ("objectAccessControls", "/b/{bucket}/o/{object}/acl", _CRUD + _CHANGES),
    ("objects", "/b/{bucket}/o", (
        ("bulkRestore", "POST", "/bulkRestore"), ("restore", "POST", "/{object}/restore"),
        ("watchAll", "POST", "/watch"), ("getIamPolicy", "GET", "/{object}/iam"),
        ("setIamPolicy", "PUT", "/{object}/iam"),
        ("testIamPermissions", "GET", "/{object}/iam/testPermissions"),
    )),
    ("operations", "/b/{bucket}/operations", (
        ("list", "GET", ""), ("get", "GET", "/{id}"), ("cancel", "POST", "/{id}/cancel"),
        ("advanceRelocateBucket", "POST", "/{id}/advanceRelocateBucket"),
    )),
    ("projects.hmacKeys", "/projects/{project}/hmacKeys", (
        ("list", "GET", ""), ("create", "POST", ""), ("get", "GET", "/{id}"), ("update", "PUT", "/{id}"),
        ("delete", "DELETE", "/{id}"),
    )),
    ("projects.serviceAccount", "/projects/{project}/serviceAccount", (("get", "GET", ""),)),
)  # fmt: skip


def unimplemented_routes() -> list[Route]:
    """One route for each of them."""
    return [
        Route("storage", f"storage.{collection}.{method}", http_method, f"{_BASE}{path}{suffix}", None)
        for collection, path, methods in _COLLECTIONS
        for method, http_method, suffix in methods
    ]

"""Cloud Storage's globs.

https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
"""

from __future__ import annotations

import re

_PART = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?[^]]+\]|\\.|[{},]|.", re.DOTALL)
_TRANSLATION = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def glob_pattern(glob: str) -> re.Pattern[str]:
    """The pattern that a whole name must match.

    `*` and `?` stop at a slash, `**` doesn't; `[abc]`, `[!abc]`, `{one,other}` and a backslash before any of
    these are understood.
    """
    pattern, depth = "", 0
    for part in _PART.findall(glob):
        if part in _TRANSLATION:
            pattern += _TRANSLATION[part]
        elif part[0] == "[" and len(part) > 1:
            inner = part[1:-1].replace("\\", r"\\").replace("[", r"\[")
            pattern += f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
        elif part == "{":
            pattern, depth = f"{pattern}(?:", depth + 1
        elif part == "}" and depth:
            pattern, depth = f"{pattern})", depth - 1
        elif part == "," and depth:
            pattern += "|"
        else:
            pattern += re.escape(part[-1])
    return re.compile(pattern + ")" * depth, re.DOTALL)

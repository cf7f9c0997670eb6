"""TFRecord shards to an evaluated SavedModel, in Keras."""

import os

# Keras picks its backend at import, from a user's own file too; the loop and the export are TensorFlow's.
os.environ["KERAS_BACKEND"] = "tensorflow"
# Messages about what the processor could do are noise in a job's log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Off by default on many processors, where it makes the small layers' gradients four times as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

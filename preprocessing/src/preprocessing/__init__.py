"""Raw data to TFRecord shards, on Apache Beam."""

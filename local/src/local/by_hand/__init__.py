"""One dataset without Airflow and without the emulator: convert, train and predict with the same programs."""

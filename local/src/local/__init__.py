"""The emulator and Airflow on one machine: up, down, status, demo."""

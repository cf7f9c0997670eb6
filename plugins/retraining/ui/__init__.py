"""Two pages in Airflow's UI: what a run did, and which models there are."""

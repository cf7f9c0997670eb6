locals {
  # Jobs of Dataflow, training and tuning jobs, endpoints.
  logged = ["aiplatform.googleapis.com/Endpoint", "dataflow_step", "ml_job"]
}

resource "google_logging_project_bucket_config" "jobs" {
  project        = var.project
  location       = var.region
  bucket_id      = "perennial${local.suffix}"
  description    = "Logs of Perennial's jobs and endpoints"
  retention_days = var.log_retention_days

  depends_on = [google_project_service.api]
}

# A copy: Airflow's tasks read the job's lines from _Default, which keeps its own.
resource "google_logging_project_sink" "jobs" {
  project                = var.project
  name                   = "perennial${local.suffix}"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.jobs.id}"
  filter                 = "resource.type=(${join(" OR ", [for type in local.logged : "\"${type}\""])})"
  unique_writer_identity = true
}

locals {
  alerted = length(var.alert_emails) > 0
  online  = "aiplatform.googleapis.com/prediction/online"
  user    = "logging.googleapis.com/user"
  minutes = { five = "300s", hour = "3600s" }

  heartbeat_filter = try(coalesce(var.heartbeat.filter), join(" AND ", [
    "log_id(\"cloudaudit.googleapis.com/activity\")",
    "resource.type=\"audited_resource\"",
    "protoPayload.serviceName=\"aiplatform.googleapis.com\"",
    "protoPayload.authenticationInfo.principalEmail=\"${google_service_account.account["perennial-airflow"].email}\"",
  ]))

  alerts = {
    dataflow = {
      title   = "a conversion failed"
      text    = "A Dataflow job has failed. Airflow's task convert_to_tfrecord has the reason in its log."
      filter  = "resource.type=\"dataflow_job\" AND metric.type=\"dataflow.googleapis.com/job/is_failed\""
      divisor = null
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_MAX"
      group   = ["resource.label.job_name"]
      period  = local.minutes.five
      lasting = "0s"
      most    = 0
    }
    errors = {
      title   = "an endpoint answers with errors"
      text    = "More than ${var.most_errors * 100} % of an endpoint's requests fail. The DAG model_rollback puts the version before into production."
      filter  = "resource.type=\"aiplatform.googleapis.com/Endpoint\" AND metric.type=\"${local.online}/error_count\""
      divisor = "resource.type=\"aiplatform.googleapis.com/Endpoint\" AND metric.type=\"${local.online}/response_count\""
      aligner = "ALIGN_RATE"
      reducer = "REDUCE_SUM"
      group   = ["resource.label.endpoint_id"]
      period  = local.minutes.five
      lasting = local.minutes.five
      most    = var.most_errors
    }
    latency = {
      title   = "an endpoint is slow"
      text    = "Of an endpoint's requests, 5 of 100 take longer than ${var.longest_latency_ms} ms."
      filter  = "resource.type=\"aiplatform.googleapis.com/Endpoint\" AND metric.type=\"${local.online}/prediction_latencies\" AND metric.label.latency_type=\"total\""
      divisor = null
      aligner = "ALIGN_PERCENTILE_95"
      reducer = "REDUCE_MAX"
      group   = ["resource.label.endpoint_id"]
      period  = local.minutes.five
      lasting = local.minutes.five
      most    = var.longest_latency_ms
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project
  display_name = "Perennial: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "heartbeat" {
  count = var.heartbeat == null ? 0 : 1

  project = var.project
  name    = "perennial${local.suffix}-heartbeat"
  filter  = local.heartbeat_filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = { for name, alert in local.alerts : name => alert if local.alerted }

  project               = var.project
  display_name          = "Perennial: ${each.value.title}"
  combiner              = "OR"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  user_labels           = local.labels

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter             = each.value.filter
      denominator_filter = each.value.divisor
      comparison         = "COMPARISON_GT"
      threshold_value    = each.value.most
      duration           = each.value.lasting

      aggregations {
        alignment_period     = each.value.period
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = each.value.group
      }

      dynamic "denominator_aggregations" {
        for_each = each.value.divisor == null ? [] : [each.value]
        content {
          alignment_period     = denominator_aggregations.value.period
          per_series_aligner   = denominator_aggregations.value.aligner
          cross_series_reducer = denominator_aggregations.value.reducer
          group_by_fields      = denominator_aggregations.value.group
        }
      }
    }
  }
}

# By the log itself: Cloud Monitoring has no metric of failed jobs, and a metric of our own would need a type of resource
# that it knows.
resource "google_monitoring_alert_policy" "job" {
  count = local.alerted ? 1 : 0

  project               = var.project
  display_name          = "Perennial: a training failed"
  combiner              = "OR"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  user_labels           = local.labels

  documentation {
    content   = "A training or tuning job of Vertex AI has failed. Airflow's task has its last lines in its log."
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "3600s"

    notification_rate_limit {
      period = local.minutes.five
    }
  }

  conditions {
    display_name = "an error of the service that runs jobs"

    condition_matched_log {
      filter           = "resource.type=\"ml_job\" AND resource.labels.task_name=\"service\" AND severity>=ERROR"
      label_extractors = { job = "EXTRACT(resource.labels.job_id)" }
    }
  }
}

# The dead man's switch: what does not run raises no alert of its own.
resource "google_monitoring_alert_policy" "silence" {
  count = local.alerted && var.heartbeat != null ? 1 : 0

  project               = var.project
  display_name          = "Perennial: nothing happens"
  combiner              = "OR"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  user_labels           = local.labels

  documentation {
    content   = "No sign of Airflow for ${var.heartbeat.hours} hours: look whether its scheduler runs, and whether DAGs are paused."
    mime_type = "text/markdown"
  }

  conditions {
    display_name = "no line for ${var.heartbeat.hours} hours"

    condition_absent {
      filter   = "resource.type=\"${var.heartbeat.resource_type}\" AND metric.type=\"${local.user}/${google_logging_metric.heartbeat[0].name}\""
      duration = "${var.heartbeat.hours * 3600}s"

      aggregations {
        alignment_period     = local.minutes.hour
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

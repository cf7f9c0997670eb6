locals {
  images = {
    PERENNIAL_TRAINER_IMAGE     = "${local.registry}/trainer:${var.image_tag}"
    PERENNIAL_TRAINER_GPU_IMAGE = "${local.registry}/trainer-gpu:${var.image_tag}"
    PERENNIAL_SERVING_IMAGE     = "${local.registry}/serving:${var.image_tag}"
    PERENNIAL_TRAINER_TPU_IMAGE = var.trainer_tpu_image
  }
  settings = merge(local.images, {
    PERENNIAL_PROJECT                 = var.project
    PERENNIAL_REGION                  = var.region
    PERENNIAL_BUCKET                  = google_storage_bucket.data.name
    PERENNIAL_DEPLOYMENT              = var.deployment
    PERENNIAL_PACKAGES                = coalesce(var.packages, "gs://${google_storage_bucket.data.name}/packages/")
    PERENNIAL_SOURCE_ROOT             = var.source_root
    PERENNIAL_SERVING_MACHINE         = var.serving_machine
    PERENNIAL_SERVICE_ACCOUNT         = google_service_account.account["perennial-jobs"].email
    PERENNIAL_SERVING_SERVICE_ACCOUNT = google_service_account.account["perennial-serving"].email
    PERENNIAL_INFRASTRUCTURE_FILE     = var.infrastructure_path
  })

  subnetwork = var.create_network ? "regions/${var.region}/subnetworks/${google_compute_subnetwork.workers[0].name}" : var.dataflow.subnetwork
  infrastructure = {
    dataflow = merge(var.dataflow, { subnetwork = local.subnetwork })
    training = merge(var.training, {
      reserved_ip_ranges = length(var.training.reserved_ip_ranges) > 0 ? var.training.reserved_ip_ranges : null
      fallback           = null
    })
    serving = { for name, value in var.serving : name => value if value != null }
  }
  fallback_lines = [
    for tier, steps in var.training.fallback : "${tier} = [${join(", ", [
      for step in steps : "{ ${join(", ", [for name, value in step : "${name} = ${jsonencode(value)}" if value != null])} }"
    ])}]"
  ]

  # Texts, numbers, booleans and lists of texts are the same in JSON and in TOML.
  infrastructure_lines = concat(
    [for key in [var.kms_key] : "kms_key = ${jsonencode(key)}" if key != null],
    length(var.labels) > 0 ? concat(["", "[labels]"], [for name, value in var.labels : "${name} = ${jsonencode(value)}"]) : [],
    flatten([
      for section, fields in local.infrastructure : concat(
        ["", "[${section}]"],
        [for name, value in fields : "${name} = ${jsonencode(value)}" if value != null],
      )
    ]),
    length(local.fallback_lines) > 0 ? concat(["", "[training.fallback]"], local.fallback_lines) : [],
    var.tiers != "" ? ["", trimspace(var.tiers)] : [],
  )
}

output "environment" {
  description = "Environment variables of every Airflow component."
  value       = { for name, value in local.settings : name => value if value != null }
}

output "infrastructure_file" {
  description = "Text of the file that PERENNIAL_INFRASTRUCTURE_FILE names."
  value       = "${trimspace(join("\n", local.infrastructure_lines))}\n"
}

output "accounts" {
  description = "E-mail address of each service account, by its name in permissions.toml."
  value       = { for name, account in google_service_account.account : name => account.email }
}

output "bucket" {
  description = "Name of the bucket."
  value       = google_storage_bucket.data.name
}

output "registry" {
  description = "Place of the images, without a slash at its end."
  value       = local.registry
}

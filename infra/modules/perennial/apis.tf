locals {
  # Second deployments in a project have their own accounts, roles and bucket.
  is_default  = var.deployment == "default"
  suffix      = local.is_default ? "" : "-${var.deployment}"
  role_suffix = local.is_default ? "" : "_${replace(var.deployment, "-", "_")}"
  labels      = merge(var.labels, { perennial_deployment = var.deployment })

  apis = toset([
    "aiplatform",
    "artifactregistry",
    "billingbudgets",
    "cloudresourcemanager",
    "compute",
    "dataflow",
    "iam",
    "iamcredentials",
    "logging",
    "monitoring",
    "serviceusage",
    "storage",
  ])
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_service" "api" {
  for_each = local.apis

  project            = var.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # others in the project may use it
}

locals {
  # The repository that the settings' default images are in.
  registry = "${var.region}-docker.pkg.dev/${var.project}/perennial"
}

resource "google_artifact_registry_repository" "images" {
  count = var.create_registry ? 1 : 0

  project       = var.project
  location      = var.region
  repository_id = "perennial"
  format        = "DOCKER"
  description   = "Images of trainers, servers and Beam's workers"
  labels        = local.labels

  cleanup_policies {
    id     = "untagged"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "${var.untagged_days * 86400}s"
    }
  }

  cleanup_policies {
    id     = "newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = var.keep_images
    }
  }

  depends_on = [google_project_service.api]
}

# Dataflow's workers fetch their image as their own account; images of jobs and models are fetched by Vertex AI's agent.
resource "google_artifact_registry_repository_iam_member" "workers" {
  count = var.create_registry && var.dataflow.container_image != null ? 1 : 0

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images[0].name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.account["perennial-jobs"].member
}

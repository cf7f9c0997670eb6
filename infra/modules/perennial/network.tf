resource "google_compute_network" "workers" {
  count = var.create_network ? 1 : 0

  project                 = var.project
  name                    = "perennial${local.suffix}"
  auto_create_subnetworks = false

  depends_on = [google_project_service.api]
}

resource "google_compute_subnetwork" "workers" {
  count = var.create_network ? 1 : 0

  project                  = var.project
  region                   = var.region
  name                     = "perennial${local.suffix}"
  network                  = google_compute_network.workers[0].id
  ip_cidr_range            = var.subnetwork_range
  private_ip_google_access = true
}

# Dataflow's workers bear the tag, and exchange data on these ports.
resource "google_compute_firewall" "workers" {
  count = var.create_network ? 1 : 0

  project     = var.project
  name        = "perennial${local.suffix}-dataflow"
  network     = google_compute_network.workers[0].name
  direction   = "INGRESS"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

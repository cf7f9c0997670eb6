locals {
  number = data.google_project.this.number

  # Google's own agents, which encrypt and decrypt. Each exists once its API has been used.
  agents = {
    aiplatform = "service-${local.number}@gcp-sa-aiplatform.iam.gserviceaccount.com"
    compute    = "service-${local.number}@compute-system.iam.gserviceaccount.com"
    dataflow   = "service-${local.number}@dataflow-service-producer-prod.iam.gserviceaccount.com"
    storage    = "service-${local.number}@gs-project-accounts.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = { for name, email in local.agents : name => email if var.kms_key != null }

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"

  depends_on = [google_project_service.api]
}

# A project to try things in: what is gone is gone soon, and `terraform destroy` takes the data along.

terraform {
  required_version = ">= 1.9"

  backend "gcs" {} # terraform init -backend-config=bucket=... -backend-config=prefix=perennial/dev
}

variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "us-central1"
}

variable "alert_emails" {
  description = "Addresses that alerts go to."
  type        = set(string)
  default     = []
}

provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true
}

module "perennial" {
  source = "../../modules/perennial"

  project    = var.project
  region     = var.region
  deployment = "dev"

  deletion_protection = false
  noncurrent_days     = 1
  soft_delete_days    = 0
  scratch_days        = 7
  untagged_days       = 7
  keep_images         = 3
  log_retention_days  = 7
  alert_emails        = var.alert_emails
}

output "environment" {
  description = "Environment variables of every Airflow component."
  value       = module.perennial.environment
}

output "infrastructure_file" {
  description = "Text of the file that PERENNIAL_INFRASTRUCTURE_FILE names."
  value       = module.perennial.infrastructure_file
}

output "accounts" {
  description = "E-mail addresses of the service accounts."
  value       = module.perennial.accounts
}

output "registry" {
  description = "Place of the images."
  value       = module.perennial.registry
}

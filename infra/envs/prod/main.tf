# The project that serves: replaced objects stay for a month, and destroying it leaves the data.

terraform {
  required_version = ">= 1.9"

  backend "gcs" {} # terraform init -backend-config=bucket=... -backend-config=prefix=perennial/prod
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

  validation {
    condition     = length(var.alert_emails) > 0
    error_message = "Expected an address: somebody must hear of production's failures."
  }
}

variable "heartbeat" {
  description = "Lines of Airflow's own log that always come, its scheduler's for instance, and the hours without one that raise an alert."
  type = object({
    hours         = number
    filter        = optional(string)
    resource_type = optional(string)
  })
  default = null
}

variable "budget" {
  description = "Budget of a month: billing_account, amount, and the currency if it isn't the account's."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string)
  })
  default = null
}

variable "kubernetes" {
  description = "Airflow's service account in a cluster with Workload Identity: namespace and service_account."
  type = object({
    namespace       = string
    service_account = string
    project         = optional(string)
  })
  default = null
}

provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true
}

module "perennial" {
  source = "../../modules/perennial"

  project = var.project
  region  = var.region

  deletion_protection = true
  noncurrent_days     = 30
  soft_delete_days    = 14
  scratch_days        = 14
  untagged_days       = 90
  keep_images         = 20
  log_retention_days  = 400 # a year and a month: the same season before
  alert_emails        = var.alert_emails
  heartbeat           = var.heartbeat
  budget              = var.budget
  kubernetes          = var.kubernetes

  create_network = true
  dataflow       = { max_workers = 20 }
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

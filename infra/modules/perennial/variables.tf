variable "project" {
  description = "Id of the Google Cloud project; it exists, and a billing account pays for it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "Expected a project's id: 6 to 30 lower-case letters, digits and dashes, a letter first, no dash last."
  }
}

variable "region" {
  description = "Region of data, jobs, models and logs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Expected a region, us-central1 for instance; zones and multi-regions are none."
  }
}

variable "deployment" {
  description = "Tells several deployments in one project apart; the default one has the plain names."
  type        = string
  default     = "default"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,9}[a-z0-9])?$", var.deployment)) && !strcontains(var.deployment, "--")
    error_message = "Expected at most 11 lower-case letters, digits and single dashes, a letter first, no dash last."
  }
}

variable "labels" {
  description = "Labels of what bears labels, beside perennial_deployment."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && !can(regex("^(perennial_|goog)", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "Expected lower-case letters, digits, _ and -, at most 63, and a letter first in a key, which begins with neither perennial_ nor goog."
  }
}

# The bucket.

variable "bucket" {
  description = "Name of the bucket that holds everything; PROJECT-perennial, and the deployment, if not said."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "Expected a bucket's name without gs://: 3 to 63 lower-case letters, digits, dots, _ and -."
  }
}

variable "deletion_protection" {
  description = "Whether the bucket stays while it holds objects, even when it is to be destroyed."
  type        = bool
  default     = true
  nullable    = false
}

variable "noncurrent_days" {
  description = "Days for which replaced and deleted objects stay as noncurrent versions."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "Expected a whole number, 1 or more."
  }
}

variable "soft_delete_days" {
  description = "Days for which what is gone can be restored; 0 turns that off. Its storage is paid."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "Expected 0, or 7 to 90 days."
  }
}

variable "scratch_prefixes" {
  description = "Folders of temporary and staged files, which nothing refers to once their jobs have ended."
  type        = set(string)
  default     = ["dataflow/staging/", "dataflow/temp/"]
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.scratch_prefixes : can(regex("^[^/].*/$", prefix))])
    error_message = "Expected folders: no slash first, one last."
  }
}

variable "scratch_days" {
  description = "Age at which these go. Housekeeping removes them at 7 days and spares active jobs; this rule spares none."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.scratch_days >= 7 && floor(var.scratch_days) == var.scratch_days
    error_message = "Expected a whole number of days, 7 or more: what housekeeping leaves to jobs must stay."
  }
}

# Images.

variable "create_registry" {
  description = "Whether to create the repository perennial; off for a second deployment in the project and region."
  type        = bool
  default     = true
  nullable    = false
}

variable "image_tag" {
  description = "Tag of the images."
  type        = string
  default     = "0.1.0"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "Expected an image's tag."
  }
}

variable "untagged_days" {
  description = "Age at which images without a tag go."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.untagged_days >= 1 && floor(var.untagged_days) == var.untagged_days
    error_message = "Expected a whole number, 1 or more."
  }
}

variable "keep_images" {
  description = "Number of each image's newest versions that stay, tagged or not."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.keep_images >= 1 && floor(var.keep_images) == var.keep_images
    error_message = "Expected a whole number, 1 or more."
  }
}

# Who acts.

variable "kubernetes" {
  description = "Airflow's service account in a cluster with Workload Identity, which acts as perennial-airflow."
  type = object({
    namespace       = string
    service_account = string
    project         = optional(string)
  })
  default = null

  validation {
    condition     = var.kubernetes == null || alltrue([for name in [try(var.kubernetes.namespace, ""), try(var.kubernetes.service_account, "")] : can(regex("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", name))])
    error_message = "Expected names of Kubernetes: lower-case letters, digits, dots and dashes."
  }
}

# What surrounds jobs; the fields of PERENNIAL_INFRASTRUCTURE_FILE.

variable "kms_key" {
  description = "Key that encrypts the bucket, jobs, models and endpoints; Google's own keys do if not said."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "Expected projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
}

variable "create_network" {
  description = "Whether to create a network and a subnetwork for Dataflow's workers."
  type        = bool
  default     = false
  nullable    = false
}

variable "subnetwork_range" {
  description = "Addresses of that subnetwork."
  type        = string
  default     = "10.128.0.0/20"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.subnetwork_range)) && try(tonumber(split("/", var.subnetwork_range)[1]) <= 29, false)
    error_message = "Expected a range of IPv4 addresses, 10.128.0.0/20 for instance, of at least 8."
  }
}

variable "dataflow" {
  description = "Workers of conversions, [dataflow] of the file."
  type = object({
    network         = optional(string)
    subnetwork      = optional(string)
    use_public_ips  = optional(bool, true)
    machine_type    = optional(string)
    max_workers     = optional(number)
    disk_size_gb    = optional(number)
    flexrs          = optional(bool, false)
    container_image = optional(string)
    python          = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.dataflow.use_public_ips || var.create_network || var.dataflow.network != null || var.dataflow.subnetwork != null
    error_message = "Expected a network or a subnetwork where workers have no public addresses."
  }

  validation {
    condition     = !var.create_network || (var.dataflow.network == null && var.dataflow.subnetwork == null)
    error_message = "Expected no other network beside create_network."
  }

  validation {
    condition     = var.dataflow.subnetwork == null || can(regex("^(https://www\\.googleapis\\.com/compute/v1/projects/[^/]+/)?regions/[^/]+/subnetworks/[^/]+$", var.dataflow.subnetwork))
    error_message = "Expected regions/R/subnetworks/S; before it, a shared network's project."
  }

  validation {
    condition     = alltrue([for count in [var.dataflow.max_workers, var.dataflow.disk_size_gb] : count == null || try(count >= 1 && floor(count) == count, false)])
    error_message = "Expected whole numbers, 1 or more."
  }
}

variable "serving" {
  description = "Machines and endpoints of deployed models, where a dataset doesn't say; [serving] of the file."
  type = object({
    machine_type            = optional(string)
    accelerator_type        = optional(string)
    accelerator_count       = optional(number)
    min_replicas            = optional(number)
    max_replicas            = optional(number)
    target_utilization      = optional(number)
    dedicated_endpoint      = optional(bool)
    request_timeout_seconds = optional(number)
    keep_replaced_minutes   = optional(number)
  })
  default  = {}
  nullable = false
}

variable "tiers" {
  description = "TOML of scale tiers, tables [tiers.NAME] with pools and prices as in plugins/retraining/tiers.toml."
  type        = string
  default     = ""
  nullable    = false
}

variable "training" {
  description = "Surroundings of training and tuning jobs, [training] of the file."
  type = object({
    network            = optional(string)
    reserved_ip_ranges = optional(list(string), [])
    network_attachment = optional(string)
    wait_minutes       = optional(number)
    fallback = optional(map(list(object({
      after_minutes = number
      tier          = optional(string)
      spot          = optional(bool)
    }))), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.training.network == null || can(regex("^projects/[0-9]+/global/networks/[^/]+$", var.training.network))
    error_message = "Expected projects/NUMBER/global/networks/NAME, with the project's number."
  }

  validation {
    condition     = var.training.network == null || var.training.network_attachment == null
    error_message = "Expected a network or a network attachment, not both."
  }

  validation {
    condition     = length(var.training.reserved_ip_ranges) == 0 || var.training.network != null
    error_message = "Expected no reserved ranges without a network."
  }

  validation {
    condition     = var.training.network_attachment == null || can(regex("^projects/[^/]+/regions/[^/]+/networkAttachments/[^/]+$", var.training.network_attachment))
    error_message = "Expected projects/P/regions/R/networkAttachments/A."
  }
}

# Airflow's environment.

variable "packages" {
  description = "Folder or gs:// URI with the two source distributions; packages/ of the bucket if not said."
  type        = string
  default     = null
}

variable "source_root" {
  description = "Folder or gs:// URI that relative sources are below."
  type        = string
  default     = null
}

variable "trainer_tpu_image" {
  description = "Image of training jobs on tiers with TPUs."
  type        = string
  default     = null
}

variable "serving_machine" {
  description = "Machine type of a deployed model."
  type        = string
  default     = "n1-standard-2"
  nullable    = false
}

variable "infrastructure_path" {
  description = "Path at which Airflow's components find the output infrastructure_file."
  type        = string
  default     = "/etc/perennial/infrastructure.toml"
  nullable    = false

  validation {
    condition     = startswith(var.infrastructure_path, "/") && endswith(var.infrastructure_path, ".toml")
    error_message = "Expected an absolute path that ends in .toml."
  }
}

# Logs, alerts, money.

variable "log_retention_days" {
  description = "Days for which the jobs' and endpoints' logs stay in a bucket of their own."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1 && var.log_retention_days <= 3650
    error_message = "Expected 1 to 3650 days."
  }
}

variable "alert_emails" {
  description = "Addresses that alerts go to; no address, no alerts. They concern the whole project: one deployment has them."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "Expected e-mail addresses."
  }
}

variable "most_errors" {
  description = "Share of an endpoint's requests that may fail in five minutes."
  type        = number
  default     = 0.05
  nullable    = false

  validation {
    condition     = var.most_errors >= 0 && var.most_errors < 1
    error_message = "Expected a share, 0 to 1."
  }
}

variable "longest_latency_ms" {
  description = "Latency that 95 of 100 requests keep, in milliseconds."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.longest_latency_ms > 0
    error_message = "Expected more than 0 milliseconds."
  }
}

variable "heartbeat" {
  description = "Alert when no line of the logs matches for so many hours; without a filter, what Airflow changes in Vertex AI by the audit log."
  type = object({
    hours         = number
    filter        = optional(string)
    resource_type = optional(string, "audited_resource")
  })
  default = null

  validation {
    condition     = var.heartbeat == null || try(var.heartbeat.hours >= 1 && var.heartbeat.hours <= 23, false)
    error_message = "Expected 1 to 23 hours: Cloud Monitoring notices an absence of at most 23.5."
  }
}

variable "budget" {
  description = "Budget of the project for a month, with an e-mail at each share of it; it stops nothing."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string)
    shares          = optional(set(number), [0.5, 0.9, 1])
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "Expected a billing account, 012345-6789AB-CDEF01 for instance."
  }

  validation {
    condition     = var.budget == null || try(var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount, false)
    error_message = "Expected a whole amount, 1 or more."
  }
}

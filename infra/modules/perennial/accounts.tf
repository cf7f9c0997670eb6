# Who may do what is in ../../permissions.toml; `perennial rights --json` makes the JSON of it.

locals {
  access   = jsondecode(file("${path.module}/permissions.json"))
  accounts = local.access.accounts

  # A role of Cloud Storage's permissions is granted on the bucket, any other on the project.
  bucket_roles = [
    for name, role in local.access.roles : name
    if alltrue([for permission in keys(role.permissions) : startswith(permission, "storage.")])
  ]

  # Rights of an account on other accounts.
  account_roles = {
    acts_as      = { id = "perennialActAs", title = "Jobs and models as an account", permission = "iam.serviceAccounts.actAs" }
    impersonates = { id = "perennialImpersonate", title = "Tokens of an account", permission = "iam.serviceAccounts.getAccessToken" }
  }

  grants = merge([
    for name, account in local.accounts : {
      for role in try(account.roles, []) : "${name}/${role}" => { account = name, role = role }
    }
  ]...)
  google_grants = merge([
    for name, account in local.accounts : {
      for role in try(account.google_roles, []) : "${name}/${role}" => { account = name, role = role }
    }
  ]...)
  account_grants = merge(flatten([
    for name, account in local.accounts : [
      for kind in keys(local.account_roles) : {
        for other in try(account[kind], []) : "${name}/${kind}/${other}" => { account = name, kind = kind, on = other }
      }
    ]
  ])...)
}

resource "google_service_account" "account" {
  for_each = local.accounts

  project      = var.project
  account_id   = "${each.key}${local.suffix}"
  display_name = "${each.key}${local.suffix}"
  description  = each.value.title

  depends_on = [google_project_service.api]
}

resource "google_project_iam_custom_role" "role" {
  for_each = local.access.roles

  project     = var.project
  role_id     = "${each.key}${local.role_suffix}"
  title       = "Perennial: ${each.value.title}"
  permissions = keys(each.value.permissions)
}

resource "google_project_iam_custom_role" "account" {
  for_each = local.account_roles

  project     = var.project
  role_id     = "${each.value.id}${local.role_suffix}"
  title       = "Perennial: ${each.value.title}"
  permissions = [each.value.permission]
}

resource "google_storage_bucket_iam_member" "grant" {
  for_each = { for key, grant in local.grants : key => grant if contains(local.bucket_roles, grant.role) }

  bucket = google_storage_bucket.data.name
  role   = google_project_iam_custom_role.role[each.value.role].name
  member = google_service_account.account[each.value.account].member
}

resource "google_project_iam_member" "grant" {
  for_each = { for key, grant in local.grants : key => grant if !contains(local.bucket_roles, grant.role) }

  project = var.project
  role    = google_project_iam_custom_role.role[each.value.role].name
  member  = google_service_account.account[each.value.account].member
}

resource "google_project_iam_member" "google" {
  for_each = local.google_grants

  project = var.project
  role    = each.value.role
  member  = google_service_account.account[each.value.account].member
}

resource "google_service_account_iam_member" "grant" {
  for_each = local.account_grants

  service_account_id = google_service_account.account[each.value.on].name
  role               = google_project_iam_custom_role.account[each.value.kind].name
  member             = google_service_account.account[each.value.account].member
}

resource "google_service_account_iam_member" "kubernetes" {
  for_each = { for name in ["perennial-airflow"] : name => var.kubernetes if var.kubernetes != null }

  service_account_id = google_service_account.account[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${coalesce(each.value.project, var.project)}.svc.id.goog[${each.value.namespace}/${each.value.service_account}]"
}

# The app at Okta and the project at Neon, as docs/rollout.md makes them by hand. NOT TRIED against either: read the plan.
# With Terraform or OpenTofu, in a directory of its own:
#
#   export OKTA_ORG_NAME=example OKTA_BASE_URL=okta.com OKTA_API_TOKEN=... NEON_API_KEY=...
#   terraform init && terraform plan
#   terraform output -raw owner_string | epigraph admin setup --issuer "$(terraform output -raw issuer)" \
#     --client-id "$(terraform output -raw client_id)" --database-url - --output config.toml
#
# The state holds the owner's password: keep it where you would keep that, encrypted, and not in the repository.

terraform {
  required_version = ">= 1.6"
  required_providers {
    okta = {
      source  = "okta/okta"
      version = ">= 4.8, < 7"
    }
    # Of the community. Its successor is neondatabase/neon, whose blocks are attributes.
    neon = {
      source  = "kislerdm/neon"
      version = "~> 0.13"
    }
  }
}

provider "okta" {}
provider "neon" {}

variable "org_url" {
  type        = string
  description = "The organization's address, which is the issuer, without a slash at the end."
  default     = "https://example.okta.com"
}

variable "group" {
  type        = string
  description = "The group at Okta whose members use epigraph."
  default     = "epigraph"
}

variable "region" {
  type    = string
  default = "aws-eu-central-1"
}

resource "okta_app_oauth" "epigraph" {
  label = "epigraph"
  type  = "native"
  # Okta wants a response type and an address even where no browser comes back; nothing listens there.
  grant_types                = ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
  response_types             = ["code"]
  redirect_uris              = ["com.example.epigraph:/callback"]
  token_endpoint_auth_method = "none"
  pkce_required              = true
  refresh_token_rotation     = "ROTATE"
  refresh_token_leeway       = 30
  hide_web                   = true
  hide_ios                   = true
}

resource "okta_group" "epigraph" {
  name        = var.group
  description = "Uses epigraph."
}

resource "okta_app_group_assignment" "epigraph" {
  app_id   = okta_app_oauth.epigraph.id
  group_id = okta_group.epigraph.id
}

resource "neon_project" "epigraph" {
  name       = "epigraph"
  region_id  = var.region
  pg_version = 17
  # Seven days, the most that the plan Launch restores.
  history_retention_seconds = 604800

  branch {
    name          = "main"
    database_name = "epigraph"
    role_name     = "epigraph_owner"
  }

  default_endpoint_settings {
    autoscaling_limit_min_cu = 0.25
    autoscaling_limit_max_cu = 1
  }

  lifecycle {
    prevent_destroy = true
  }
}

output "issuer" {
  value = var.org_url
}

output "client_id" {
  value = okta_app_oauth.epigraph.client_id
}

output "owner_string" {
  value     = neon_project.epigraph.connection_uri
  sensitive = true
}

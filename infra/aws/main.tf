# The published modules of Metaflow's makers, with variables for this pipeline; nothing here is a stack of our own.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_availability_zones" "available" {
  state = "available"
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.21.0"

  name                 = var.name
  cidr                 = "10.10.0.0/16"
  azs                  = slice(data.aws_availability_zones.available.names, 0, 2)
  private_subnets      = ["10.10.8.0/21", "10.10.16.0/21"]
  public_subnets       = ["10.10.128.0/21", "10.10.136.0/21"]
  enable_nat_gateway   = true
  single_nat_gateway   = true
  enable_dns_hostnames = true
}

module "metaflow" {
  source  = "outerbounds/metaflow/aws"
  version = "0.10.0"

  resource_prefix = var.name
  tags            = { project = var.name }

  vpc_id          = module.vpc.vpc_id
  vpc_cidr_blocks = [module.vpc.vpc_cidr_block]
  subnet1_id      = module.vpc.private_subnets[0]
  subnet2_id      = module.vpc.private_subnets[1]

  enable_step_functions                  = true
  enable_custom_batch_container_registry = true

  compute_environment_instance_types = var.instance_types
  compute_environment_min_vcpus      = 0 # nothing runs, and nothing is paid for, between two trainings
  compute_environment_desired_vcpus  = 0
  compute_environment_max_vcpus      = var.max_vcpus

  launch_template_http_tokens = "required"
  access_list_cidr_blocks     = var.allowed_cidr_blocks
}

# What Metaflow reads from ~/.metaflowconfig/config.json on the machine that deploys.
output "metaflow_profile" {
  value     = module.metaflow.metaflow_profile_json
  sensitive = true
}

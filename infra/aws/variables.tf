variable "name" {
  type        = string
  default     = "moemoe"
  description = "Prefix of everything that is made."
}

variable "region" {
  type        = string
  description = "Where it is made; without a default, so that nobody pays in a region by accident."
}

variable "instance_types" {
  type        = list(string)
  default     = ["m6i.2xlarge", "g5.2xlarge"]
  description = "Machines that Batch may start: one kind for the catalog's steps, one with a GPU for the training."
}

variable "max_vcpus" {
  type        = number
  default     = 32
  description = "The bound on what runs at once, and so on what an hour can cost."
}

variable "allowed_cidr_blocks" {
  type        = list(string)
  default     = []
  description = "Networks that reach Metaflow's service from outside; none by default."
}

variable "region" {
  description = "Region of the log topic, such as ap-guangzhou."
  type        = string
}

variable "logset_id" {
  description = "Id of the logset that has the topic."
  type        = string
}

variable "topic_id" {
  description = "Id of the topic that flowlogd ships to."
  type        = string
}

variable "notify_user_ids" {
  description = "Uins of the users who are notified."
  type        = list(number)
  default     = []
}

variable "notify_channels" {
  description = "How they are notified: Email, Sms, WeChat, Phone."
  type        = list(string)
  default     = ["Email"]
}

variable "alarm_notice_ids" {
  description = "Notices that exist, instead of one that is made for notify_user_ids."
  type        = list(string)
  default     = []
}

variable "repeat_minutes" {
  description = "Minutes between two notifications of an alarm that lasts."
  type        = number
  default     = 60

  validation {
    condition     = var.repeat_minutes >= 0 && var.repeat_minutes <= 1440
    error_message = "repeat_minutes: expected 0 to 1440."
  }
}

variable "parameters" {
  description = "Thresholds that differ from the catalogue, by analysis: { \"scan-ports\" = { ports = 50 } }."
  type        = map(map(number))
  default     = {}
}

variable "noisy" {
  description = "Noisy analyses that become alarms, too."
  type        = set(string)
  default     = []
}

variable "without" {
  description = "Analyses that become no alarm."
  type        = set(string)
  default     = []
}

variable "name_prefix" {
  description = "What the names of the alarms and of the notice begin with."
  type        = string
  default     = "flowlogd"
}

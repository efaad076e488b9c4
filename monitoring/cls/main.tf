# Alarm policies of Cloud Log Service, one for each analysis of alarms.tf. How to use it: docs/cls-alarms.md.

terraform {
  required_version = ">= 1.5"

  required_providers {
    tencentcloud = {
      source  = "tencentcloudstack/tencentcloud"
      version = ">= 1.82.0, < 2.0.0"
    }
  }
}

# Keys: TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY of the environment.
provider "tencentcloud" {
  region = var.region
}

locals {
  notice_ids = length(var.alarm_notice_ids) > 0 ? var.alarm_notice_ids : tencentcloud_cls_alarm_notice.flowlogd[*].id
}

resource "tencentcloud_cls_alarm_notice" "flowlogd" {
  count = length(var.alarm_notice_ids) > 0 ? 0 : 1

  name = var.name_prefix
  type = "All"

  notice_receivers {
    receiver_type     = "Uin"
    receiver_ids      = var.notify_user_ids
    receiver_channels = var.notify_channels
    start_time        = "00:00:00"
    end_time          = "23:59:59"
  }

  lifecycle {
    precondition {
      condition     = length(var.notify_user_ids) > 0
      error_message = "Nobody is notified: set notify_user_ids, or alarm_notice_ids to notices that exist."
    }
  }
}

resource "tencentcloud_cls_alarm" "flowlogd" {
  for_each = local.chosen

  name             = "${var.name_prefix} ${each.key}"
  condition        = "$1.__QUERYCOUNT__ > 0"
  alarm_level      = each.value.level
  trigger_count    = 1
  alarm_period     = var.repeat_minutes
  alarm_notice_ids = local.notice_ids
  message_template = trimspace(each.value.message)
  status           = true

  alarm_targets {
    logset_id         = var.logset_id
    topic_id          = var.topic_id
    query             = trimspace(each.value.query)
    number            = 1
    start_time_offset = -each.value.look_back
    end_time_offset   = 0
    syntax_rule       = 1
  }

  monitor_time {
    type = "Period"
    time = each.value.period
  }

  lifecycle {
    precondition {
      condition     = length(local.unknown) == 0
      error_message = "Unknown: ${join(", ", local.unknown)}. docs/analyses.md has the names of analyses and thresholds."
    }
  }
}

output "alarms" {
  description = "Ids of the alarm policies, by analysis."
  value       = { for name, alarm in tencentcloud_cls_alarm.flowlogd : name => alarm.id }
}

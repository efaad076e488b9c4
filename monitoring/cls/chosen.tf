# Which alarms of alarms.tf are made, and at which thresholds.

locals {
  parameters = { for name, values in local.defaults : name => merge(values, lookup(var.parameters, name, {})) }

  chosen = {
    for name, alarm in local.alarms : name => alarm
    if(!alarm.noisy || contains(var.noisy, name)) && !contains(var.without, name)
  }

  # Names of the variables that are none of an alarm, or of a threshold.
  unknown = sort(concat(
    tolist(setsubtract(setunion(keys(var.parameters), var.noisy, var.without), keys(local.defaults))),
    flatten([
      for name, values in var.parameters : [
        for threshold in keys(values) : "${name}.${threshold}"
        if contains(keys(local.defaults), name) && !contains(keys(lookup(local.defaults, name, {})), threshold)
      ]
    ])
  ))
}

/**
 * The one list of the numbers of the status, by the part that has them. A row is a member of the JSON, whose type comes from here,
 * a metric, and a line of docs/operations.md; another number is another row, and its producer does not compile without it.
 *
 * Names of metrics follow Prometheus' own rules: base units, `_total` for what only grows.
 */

/** Names that Prometheus' client libraries give to properties of a process stand for themselves. */
export interface NumberRow {
  readonly metric: string;
  readonly unit: string;
  readonly help: string;
  /** Null while it is unknown, and then without a sample; `zero`: null means none, and the sample is 0. */
  readonly nullable?: 'absent' | 'zero';
  /** The member in the unit of the metric. */
  readonly scale?: number;
}

export type NumberRows = Readonly<Record<string, NumberRow>>;

/** The part of the status that rows describe. */
export type NumbersOf<Rows extends NumberRows> = {
  readonly [Member in keyof Rows]: Rows[Member] extends { readonly nullable: string } ? number | null : number;
};

export const DATA_PLANE = {
  rounds: row('flowlogd_data_plane_rounds_total', 'rounds', 'Rounds of the data plane, two a second when idle.'),
  stalledSeconds: row('flowlogd_data_plane_stalled_seconds', 'seconds', 'Time without progress, 0 while it advances.'),
} as const;

export const INTERFACE = {
  detachments: row(
    'flowlogd_interface_detachments_total',
    'detachments',
    'Times that capture ended because the interface went away or failed.',
  ),
  ringBytes: row('flowlogd_interface_ring_bytes', 'bytes', 'Packet ring of the interface.'),
  beforeAttachPackets: row(
    'flowlogd_interface_before_attach_packets_total',
    'packets',
    'Packets before capture started, counted at once; flowlogd_before_attach_packets_total counts closed windows.',
  ),
  memoryOnlyTables: row(
    'flowlogd_memory_only_tables_total',
    'tables',
    'Tables not persisted because a disk write failed: a crash would have lost them.',
  ),
  unwrittenWindows: row(
    'flowlogd_unwritten_windows',
    'windows',
    'Closed windows pending for the disk: normally none or one, more where the disk is slow, hangs or refuses.',
  ),
  records: row('flowlogd_records_total', 'records', 'Flow records written to the spool.'),
} as const;

/** Of the ledger of an interface, whose own rows are those of schema/ledger-numbers.ts; of a tally the packets. */
export const LEDGER = {
  offeredPackets: row(
    'flowlogd_offered_packets_total',
    'packets',
    'Packets offered in windows that are closed and durable.',
  ),
  coarsened: row(
    'flowlogd_coarsened_packets_total',
    'packets',
    'Of the metered packets, those in coarser records because the flow table was full: raise table.flowsMax.',
  ),
  coarsenedKeys: row(
    'flowlogd_coarsened_keys_total',
    'flows',
    'Flows of those packets, by window; an estimate with a standard error of 1.6 %.',
  ),
  rejected: row(
    'flowlogd_rejected_packets_total',
    'packets',
    'Of the metered packets, those rejected by the packet filter.',
  ),
  beforeAttach: row(
    'flowlogd_before_attach_packets_total',
    'packets',
    'Packets before capture started, while the agent ran, by the counters of the interface; in no outcome.',
  ),
  rejectsUnmatched: row(
    'flowlogd_rejects_unmatched_packets_total',
    'packets',
    'Packets in REJECT records that match no captured flow: rewritten or reassembled before the filter.',
  ),
  rejectsLost: row(
    'flowlogd_rejects_lost_packets_total',
    'packets',
    'Lost rejections, whose packets are recorded as ACCEPT.',
  ),
} as const;

export const LIVE = {
  packetsPerSecond: row('flowlogd_interface_packets_per_second', 'packets', 'Packets offered in the last seconds.'),
  bitsPerSecond: {
    ...row('flowlogd_interface_bytes_per_second', 'bytes', 'Their bytes, as far as they are known.'),
    scale: 1 / 8,
  },
  lostPacketsPerSecond: row(
    'flowlogd_interface_lost_packets_per_second',
    'packets',
    'Of these, packets that will not be recorded.',
  ),
  openPackets: row('flowlogd_interface_open_packets', 'packets', 'Packets offered in open windows; in no total yet.'),
  flows: row('flowlogd_table_flows', 'flows', 'Flows in the open window, of the address family that has more.'),
  flowsMax: row('flowlogd_table_limit_flows', 'flows', 'Limit of these: table.flowsMax.'),
} as const;

export const RINGS = {
  rings: row('flowlogd_rings', 'rings', 'Packet rings in use.'),
  bytes: row(
    'flowlogd_ring_bytes',
    'bytes',
    'Memory of all packet rings, in the kernel: in no figure of the process and in no cgroup.',
  ),
  bytesMax: row('flowlogd_ring_limit_bytes', 'bytes', 'Limit of these: capture.memoryMax.'),
  refused: row(
    'flowlogd_ring_refused_interfaces',
    'interfaces',
    'Interfaces not captured because memory or file descriptors ran out; retried.',
  ),
} as const;

export const MISSED_INTERFACES = {
  interfaces: row(
    'flowlogd_missed_interfaces_total',
    'interfaces',
    'Interfaces of flow logs that vanished before capture started.',
  ),
  packets: row('flowlogd_missed_packets_total', 'packets', 'Packets that these carried, by their own counters.'),
} as const;

export const RECORDER = {
  windows: row('flowlogd_recorder_windows_total', 'windows', 'Windows written to the spool.'),
  batches: row('flowlogd_recorder_batches_total', 'batches', 'Batches written to the spool.'),
  records: row('flowlogd_recorder_records_total', 'records', 'Records in those batches.'),
  failures: row('flowlogd_recorder_failures_total', 'attempts', 'Failed attempts to write a window to the disk.'),
  windowsEvicted: row(
    'flowlogd_recorder_evicted_windows_total',
    'windows',
    'Windows whose records were evicted because too many were pending for the disk.',
  ),
  packetsEvicted: row(
    'flowlogd_recorder_evicted_packets_total',
    'packets',
    'Packets of those records; they are overflowed in the ledger of their window.',
  ),
  ledgersMerged: row(
    'flowlogd_recorder_merged_ledgers_total',
    'windows',
    'Windows without records whose ledger was merged into the next, because thousands were pending for the disk.',
  ),
  pendingWindows: row('flowlogd_recorder_pending_windows', 'windows', 'Closed windows pending for the disk.'),
  heldBytes: row('flowlogd_recorder_held_bytes', 'bytes', 'Memory of the tables of pending windows.'),
} as const;

export const RECOVERED = {
  windows: row(
    'flowlogd_recovered_windows_total',
    'windows',
    'Open windows of previous runs, made durable by this one.',
  ),
  records: row('flowlogd_recovered_records_total', 'records', 'Records in them.'),
  packets: row('flowlogd_recovered_packets_total', 'packets', 'Packets in those records.'),
  slotsDamaged: row(
    'flowlogd_recovery_corrupt_slots_total',
    'slots',
    'Corrupt slots in tables of previous runs, skipped.',
  ),
  windowsLost: row(
    'flowlogd_recovery_lost_windows_total',
    'windows',
    'Windows of previous runs of which only a row of unknown loss is left.',
  ),
  newer: row(
    'flowlogd_recovery_newer_windows',
    'windows',
    'Open windows of a newer flowlogd, retained for that version.',
  ),
  quarantined: row('flowlogd_recovery_quarantined_files_total', 'files', 'Corrupt files from previous runs.'),
  deleted: row('flowlogd_recovery_deleted_files_total', 'files', 'Of those, deleted to limit the quarantine.'),
} as const;

export const SPOOL = {
  batches: row(
    'flowlogd_spool_batches',
    'batches',
    'Pending batches on disk, each file once however many sinks owe it.',
  ),
  bytes: row('flowlogd_spool_bytes', 'bytes', 'Their disk usage, in blocks.'),
  bytesMax: row('flowlogd_spool_limit_bytes', 'bytes', 'Limit of the spool: spool.bytesMax.'),
  oldestAgeSeconds: {
    ...row('flowlogd_spool_oldest_age_seconds', 'seconds', 'Age of the oldest pending batch, 0 when none is.'),
    nullable: 'zero',
  },
  damagedBatches: row('flowlogd_spool_damaged_batches_total', 'batches', 'Batches whose file was corrupt when read.'),
  quarantinedBatches: row(
    'flowlogd_spool_quarantined_batches_total',
    'batches',
    'Batches moved to quarantine, corrupt or permanently rejected.',
  ),
  unaccountedBatches: row(
    'flowlogd_spool_unaccounted_batches_total',
    'batches',
    'Quarantined batches of unknown content: no ledger counts their packets.',
  ),
  quarantineFiles: row(
    'flowlogd_spool_quarantine_files',
    'files',
    'Batches in the quarantine, previous runs included.',
  ),
  newerBatches: row(
    'flowlogd_spool_newer_batches',
    'batches',
    'Pending batches of a newer flowlogd, retained for that version.',
  ),
  vanishedBatches: row(
    'flowlogd_spool_vanished_batches_total',
    'batches',
    'Pending batches whose files were deleted by something else.',
  ),
  vanishedPackets: row('flowlogd_spool_vanished_packets_total', 'packets', 'Packets in their records, where known.'),
  vanishedUnaccountedBatches: row(
    'flowlogd_spool_vanished_unaccounted_batches_total',
    'batches',
    'Of those batches, the ones of unknown content.',
  ),
  unmeasuredBatches: row(
    'flowlogd_spool_unmeasured_batches',
    'batches',
    'Pending batches of previous runs whose size is not in flowlogd_spool_bytes yet.',
  ),
} as const;

export const EVICTED = {
  batches: row(
    'flowlogd_spool_evicted_batches_total',
    'batches',
    'Batches evicted over a limit of the spool, the oldest first, each file once.',
  ),
  records: row('flowlogd_spool_evicted_records_total', 'records', 'Records of those batches.'),
  packets: row('flowlogd_spool_evicted_packets_total', 'packets', 'Packets of those records.'),
  bytes: row('flowlogd_spool_evicted_bytes_total', 'bytes', 'IP bytes of those records.'),
} as const;

/** Of each sink; a batch that several sinks owe is pending for each. */
export const SPOOL_SINK = {
  batches: row('flowlogd_spool_sink_batches', 'batches', 'Pending batches of the sink.'),
  bytes: row('flowlogd_spool_sink_bytes', 'bytes', 'Their disk usage, in blocks.'),
  oldestAgeSeconds: {
    ...row('flowlogd_spool_sink_oldest_age_seconds', 'seconds', 'Age of its oldest pending batch, 0 when none is.'),
    nullable: 'zero',
  },
  quarantinedBatches: row(
    'flowlogd_spool_sink_quarantined_batches_total',
    'batches',
    'Its batches moved to quarantine, corrupt or permanently rejected.',
  ),
  quarantineFiles: row(
    'flowlogd_spool_sink_quarantine_files',
    'files',
    'Batches in its quarantine, previous runs included.',
  ),
  newerBatches: row('flowlogd_spool_sink_newer_batches', 'batches', 'Its pending batches of a newer flowlogd.'),
} as const;

export const SPOOL_SINK_EVICTED = {
  batches: row(
    'flowlogd_spool_sink_evicted_batches_total',
    'batches',
    'Its batches evicted over a limit of the spool.',
  ),
  records: row('flowlogd_spool_sink_evicted_records_total', 'records', 'Records of those batches.'),
  packets: row('flowlogd_spool_sink_evicted_packets_total', 'packets', 'Packets of those records.'),
  bytes: row('flowlogd_spool_sink_evicted_bytes_total', 'bytes', 'IP bytes of those records.'),
} as const;

export const SINK = {
  pendingBatches: row('flowlogd_exporter_pending_batches', 'batches', 'Batches on disk that the sink owes.'),
  deliveredBatches: row('flowlogd_exporter_delivered_batches_total', 'batches', 'Batches accepted by the log service.'),
  sentBatches: row(
    'flowlogd_exporter_sent_batches_total',
    'batches',
    'Batches sent to a log service without acknowledgements.',
  ),
  deliveredBytes: row(
    'flowlogd_exporter_delivered_bytes_total',
    'bytes',
    'Bytes of accepted and sent batches as stored in the spool.',
  ),
  attempts: row('flowlogd_exporter_attempts_total', 'attempts', 'Upload attempts.'),
  retries: row('flowlogd_exporter_retries_total', 'attempts', 'Failed uploads that are retried.'),
  blocked: row('flowlogd_exporter_blocked_total', 'attempts', 'Uploads rejected; operator action required.'),
  split: row(
    'flowlogd_exporter_split_batches_total',
    'batches',
    'Batches split in two because they were too large for the log service.',
  ),
  partial: row(
    'flowlogd_exporter_partial_batches_total',
    'batches',
    'Uploads of which the log service accepted a part; the rest is pending.',
  ),
  quarantined: row('flowlogd_exporter_quarantined_batches_total', 'batches', 'Batches permanently rejected.'),
  rejectedRecords: row(
    'flowlogd_exporter_rejected_records_total',
    'records',
    'Records that the log service rejected in batches that it accepted; not retried.',
  ),
  deliveredUntilSeconds: {
    ...row(
      'flowlogd_exporter_delivered_until_timestamp_seconds',
      'seconds',
      'End of the latest window with an accepted batch, Unix time.',
    ),
    nullable: 'absent',
  },
  clockAheadSeconds: {
    ...row(
      'flowlogd_exporter_clock_ahead_seconds',
      'seconds',
      'Clock of the log service relative to this host, from its last answer.',
    ),
    nullable: 'absent',
  },
} as const;

/** Of a sink, kept by the status itself. */
export const DELIVERY = {
  lastDeliveredSeconds: {
    ...row('flowlogd_exporter_last_delivery_timestamp_seconds', 'seconds', 'Latest delivery in this run, Unix time.'),
    nullable: 'absent',
  },
  undeliveredSeconds: row(
    'flowlogd_exporter_undelivered_seconds',
    'seconds',
    'Time for which batches have been pending without a delivery, 0 without a backlog.',
  ),
} as const;

export const STATE = {
  remade: row(
    'flowlogd_state_recreated_total',
    'times',
    'Times that deleted files of the state directory were recreated.',
  ),
} as const;

export const LOG_SERVICE = {
  restarts: row('flowlogd_logservice_restarts_total', 'restarts', 'Restarts of the embedded log service.'),
} as const;

/** By state and severity of those that are open: one metric with a label. */
export const FINDINGS = {
  opened: row('flowlogd_findings_opened_total', 'findings', 'Findings opened for the first time.'),
  repeated: row('flowlogd_findings_repeated_total', 'findings', 'Findings opened again after they had been closed.'),
  closed: row('flowlogd_findings_closed_total', 'findings', 'Findings closed because nothing new was seen.'),
  suppressed: row('flowlogd_findings_suppressed_total', 'signals', 'Signals that a suppression took.'),
  evictedOpen: row(
    'flowlogd_findings_evicted_open_total',
    'findings',
    'Open findings evicted, or new ones left out, because too many were open; the least severe first.',
  ),
  evictedClosed: row(
    'flowlogd_findings_evicted_closed_total',
    'findings',
    'Closed findings evicted, the oldest first.',
  ),
  missedEvents: row(
    'flowlogd_findings_missed_events_total',
    'events',
    'Events of findings that were forgotten before they were logged or sent.',
  ),
  skippedEvents: row('flowlogd_findings_skipped_events_total', 'events', 'Events of findings too long to be read.'),
  droppedRecords: row('flowlogd_findings_dropped_records_total', 'events', 'Events that were dropped before a sink.'),
} as const;

/** Since the start of the log service, or of the agent where that looks itself. */
export const LOOKED = {
  records: row('flowlogd_findings_observed_records_total', 'records', 'Records that the rules of findings observed.'),
  skipped: row(
    'flowlogd_findings_skipped_records_total',
    'records',
    'Records skipped because more came than are looked at for findings.',
  ),
  skippedWindows: row(
    'flowlogd_findings_skipped_windows_total',
    'windows',
    'Windows skipped because a later one had ended, or because they could not be read.',
  ),
  ahead: row(
    'flowlogd_findings_ahead_records_total',
    'records',
    'Records skipped because their time is in the future.',
  ),
  invalidAddresses: row(
    'flowlogd_findings_invalid_address_records_total',
    'records',
    'Uploaded records skipped because an address is invalid.',
  ),
  invalidNumbers: row(
    'flowlogd_findings_invalid_number_records_total',
    'records',
    'Uploaded records skipped because a port, a protocol or a number is out of range.',
  ),
  invalidTimes: row(
    'flowlogd_findings_invalid_time_records_total',
    'records',
    'Uploaded records skipped because their times are no window.',
  ),
  late: row(
    'flowlogd_findings_late_records_total',
    'records',
    'Records too late for the time that a rule looks at, once for each rule.',
  ),
  subjectsEvicted: row(
    'flowlogd_findings_evicted_subjects_total',
    'subjects',
    'Subjects evicted from the memory of rules because there were too many.',
  ),
  unreported: row(
    'flowlogd_findings_unreported_signals_total',
    'signals',
    'Signals beyond the 1000 that a rule may have at the end of a window.',
  ),
} as const;

export const WEBHOOK = {
  pendingEvents: row('flowlogd_webhook_pending_events', 'events', 'Events of findings pending for the webhook.'),
  deliveredEvents: row('flowlogd_webhook_delivered_events_total', 'events', 'Events accepted by the webhook.'),
  failedAttempts: row('flowlogd_webhook_failed_attempts_total', 'attempts', 'Failed attempts, which are retried.'),
  rejectedEvents: row(
    'flowlogd_webhook_rejected_events_total',
    'events',
    'Events that the webhook rejects as invalid.',
  ),
  droppedEvents: row(
    'flowlogd_webhook_dropped_events_total',
    'events',
    'Events dropped because too many were pending for the webhook, the oldest first.',
  ),
} as const;

/** The outcomes of records (matched, same, unmatched) are one metric with a label. */
export const TRANSLATIONS = {
  ambiguous: row(
    'flowlogd_translation_ambiguous_records_total',
    'records',
    'Of the known: another connection, translated otherwise, had the same addresses and ports in that time.',
  ),
  entries: row(
    'flowlogd_conntrack_connections',
    'connections',
    'Known connections, including ended ones whose windows are not recorded yet.',
  ),
  evicted: row(
    'flowlogd_conntrack_evicted_connections_total',
    'connections',
    'Ended connections that were evicted early because the table was full.',
  ),
  refused: row(
    'flowlogd_conntrack_refused_connections_total',
    'connections',
    'Connections not added because the table was full of active ones.',
  ),
  events: row('flowlogd_conntrack_events_total', 'events', 'Connections that the kernel reported as new or ended.'),
  overruns: row(
    'flowlogd_conntrack_overruns_total',
    'overruns',
    'Overruns of the event queue; a list of all connections makes up for them.',
  ),
  lists: row('flowlogd_conntrack_lists_total', 'lists', 'Lists of all connections requested.'),
  partialLists: row(
    'flowlogd_conntrack_partial_lists_total',
    'lists',
    'Of those, failed ones and ones that changed while being read.',
  ),
  malformed: row('flowlogd_conntrack_malformed_messages_total', 'messages', 'Malformed messages of the kernel.'),
} as const;

export const PROCESS = {
  cpuSeconds: row('process_cpu_seconds_total', 'seconds', 'CPU time, user and system, of all threads.'),
  residentBytes: row('process_resident_memory_bytes', 'bytes', 'Resident memory.'),
  heapBytes: row('nodejs_heap_size_used_bytes', 'bytes', 'JavaScript heap of the main thread.'),
} as const;

export const AGENT = {
  startedSeconds: row('process_start_time_seconds', 'seconds', 'Start of the agent, Unix time.'),
  uptimeSeconds: row('flowlogd_uptime_seconds', 'seconds', 'Time since the start of the agent.'),
} as const;

function row(metric: string, unit: string, help: string) {
  return { metric, unit, help } as const;
}

/**
 * Public names that version 0.2 changed. The former ones stay readable beside the new ones until 0.3: metrics in the exposition,
 * members in the status, keys in the log of a ledger (of its numbers schema/ledger-numbers.ts says both).
 */
import { LEDGER_ROWS } from '../../schema/ledger-numbers.ts';

export const FORMER_METRICS: Readonly<Record<string, string>> = {
  flowlogd_coarsened_keys_total: 'flowlogd_folded_keys_total',
  flowlogd_coarsened_packets_total: 'flowlogd_folded_packets_total',
  flowlogd_memory_only_tables_total: 'flowlogd_volatile_tables_total',
  flowlogd_recorder_evicted_packets_total: 'flowlogd_recorder_given_up_packets_total',
  flowlogd_recorder_evicted_windows_total: 'flowlogd_recorder_given_up_windows_total',
  flowlogd_recorder_pending_windows: 'flowlogd_recorder_waiting_windows',
  flowlogd_recovery_quarantined_files_total: 'flowlogd_recovery_set_aside_files_total',
  flowlogd_spool_evicted_batches_total: 'flowlogd_spool_dropped_batches_total',
  flowlogd_spool_evicted_packets_total: 'flowlogd_spool_dropped_packets_total',
  flowlogd_spool_evicted_records_total: 'flowlogd_spool_dropped_records_total',
  flowlogd_spool_unaccounted_batches_total: 'flowlogd_spool_untold_batches_total',
};

/** By the member that has the part of the status in which they are; `ledger` is one wherever it is. */
export const FORMER_MEMBERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  interfaces: {
    memoryOnly: 'volatile',
    memoryOnlySinceSeconds: 'volatileSinceSeconds',
    memoryOnlyReason: 'volatileReason',
    memoryOnlyTables: 'volatileTables',
  },
  ledger: Object.fromEntries(LEDGER_ROWS.flatMap(({ name, former }) => (former ? [[name, former.name]] : []))),
  recorder: { pendingWindows: 'waitingWindows', windowsEvicted: 'windowsGivenUp', packetsEvicted: 'packetsGivenUp' },
  recovered: { quarantined: 'setAside' },
  spool: { unaccountedBatches: 'untoldBatches', evicted: 'dropped' },
};

/** A copy of the status, or of a part of it that is called `member`, with former names beside the new ones. */
export function withFormerNames(value: unknown, member = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withFormerNames(item, member));
  if (typeof value !== 'object' || value === null) return value;
  const formerNames = FORMER_MEMBERS[member] ?? {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, part]) => {
      const copied = withFormerNames(part, name);
      const former = formerNames[name];
      return former === undefined
        ? [[name, copied]]
        : [
            [name, copied],
            [former, copied],
          ];
    }),
  );
}

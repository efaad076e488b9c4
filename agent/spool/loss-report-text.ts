/**
 * A loss report as JSON: the batch that it stands for (header and ledger), and the names of the batches in it. An earlier
 * version wrote fewer members; those that are not there say nothing. A newer one writes more, and passing over them would
 * lose what they say.
 */
import { type BatchHeader, EMPTY_BATCH_HEADER } from '../model/batch-id.ts';
import { RESOURCE_TYPES } from '../model/flow-log.ts';
import { createLedger, GAP_REASONS, type Ledger, withCurrentNames } from '../model/ledger.ts';

export interface LossReport {
  /** Of its file, without a suffix. */
  readonly sequence: string;
  readonly header: BatchHeader;
  readonly ledger: Ledger;
  /** Batches in it whose files may still be there. */
  readonly counted: readonly string[];
}

export function lossReportText(report: LossReport): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(report));
}

/** @param text as some flowlogd wrote it */
export function parseLossReport(text: Uint8Array): LossReport | 'newer' {
  const found = JSON.parse(new TextDecoder().decode(text)) as LossReport;
  const report = {
    ...found,
    header: { ...EMPTY_BATCH_HEADER, ...found.header },
    ledger: { ...createLedger([]), ...withCurrentNames(found.ledger) },
  };
  return isKnown(report) ? report : 'newer';
}

function isKnown({ header, ledger, ...rest }: LossReport): boolean {
  return (
    hasOnly(rest, ['sequence', 'counted']) &&
    hasOnly(header, Object.keys(EMPTY_BATCH_HEADER)) &&
    hasOnly(ledger, Object.keys(createLedger([]))) &&
    RESOURCE_TYPES.includes(header.resourceType) &&
    ledger.gaps.every(({ reason }) => GAP_REASONS.includes(reason))
  );
}

function hasOnly(value: object, names: readonly string[]): boolean {
  return Object.keys(value).every((name) => names.includes(name));
}

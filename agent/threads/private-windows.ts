/** What a flow log is not to say of its flows, taken out of a window before it is written anywhere. */
import type { FlowLog } from '../model/flow-log.ts';
import type { AddressPseudonyms } from '../privacy/address-pseudonyms.ts';
import { ledgerWithoutOthers, withoutOthers } from '../privacy/left-out.ts';
import { pseudonymisedLedger, pseudonymisedRecords } from '../privacy/pseudonymised.ts';
import { type Column, columnsOf } from '../record/field-columns.ts';
import type { RecordedWindow } from '../spool/recorder.ts';

/**
 * @param pseudonyms undefined where the configuration has no key: addresses of a flow log that demands pseudonyms are then left out, as of
 *   windows that an earlier run left whose key is gone
 */
export function privately(window: RecordedWindow, pseudonyms: AddressPseudonyms | undefined): RecordedWindow {
  const { flowLog } = window.point;
  return pseudonymised(withoutUnnamed(window, flowLog), flowLog, pseudonyms);
}

function withoutUnnamed(window: RecordedWindow, { resourceType, fields }: FlowLog): RecordedWindow {
  const columns = fields.length === 0 ? undefined : columnsOf(resourceType, fields);
  return columns === undefined ? window : showing(window, columns);
}

function showing(window: RecordedWindow, columns: readonly Column[]): RecordedWindow {
  return {
    ...window,
    ledger: ledgerWithoutOthers(window.ledger, columns),
    records: () => withoutOthers(window.records(), columns),
  };
}

function pseudonymised(
  window: RecordedWindow,
  { resourceType, addresses }: FlowLog,
  pseudonyms: AddressPseudonyms | undefined,
): RecordedWindow {
  if (addresses !== 'pseudonymised') return window;
  if (pseudonyms === undefined) {
    const columns = columnsOf(resourceType, [])!.filter(({ field }) => field.type !== 'address');
    return showing(window, columns);
  }
  return {
    ...window,
    ledger: pseudonymisedLedger(window.ledger, pseudonyms),
    records: () => pseudonymisedRecords(window.records(), pseudonyms),
  };
}

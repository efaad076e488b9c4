/** Rows of the live feed, and logs of a store, as flows. Both have the fields of the schema by their names. */
import type { FlowView } from '../conversations/flow-view.ts';
import type { Initiator, InitiatorEvidence } from '../model/annotations.ts';

export type FlowRow = Readonly<Record<string, unknown>>;

const INITIATORS: readonly string[] = ['source', 'destination'] satisfies readonly Initiator[];
const EVIDENCE: readonly string[] = ['syn', 'conntrack', 'port'] satisfies readonly InitiatorEvidence[];
const SYSTEM_PORTS = 1024;
const EPHEMERAL_PORTS = 32_768;

/** Undefined of a row that is no flow: of a window, of a ledger. */
export function flowOf(row: FlowRow): FlowView | undefined {
  const source = textOf(row, 'srcaddr');
  const destination = textOf(row, 'dstaddr');
  if (source === undefined || source === '-' || destination === undefined) return undefined;
  const sourcePort = numberOf(row, 'srcport') ?? 0;
  const destinationPort = numberOf(row, 'dstport') ?? 0;
  return {
    interfaceId: textOf(row, 'interface-id') ?? '',
    protocol: numberOf(row, 'protocol') ?? 0,
    ...{ source, destination, sourcePort, destinationPort },
    packets: numberOf(row, 'packets') ?? 0,
    bytes: numberOf(row, 'bytes') ?? 0,
    first: secondsOf(row, 'start-ns', 'start'),
    last: secondsOf(row, 'end-ns', 'end'),
    tcpFlags: numberOf(row, 'tcp-flags'),
    ...initiatorOf(row, sourcePort, destinationPort),
    handshakeMicroseconds: numberOf(row, 'handshake-rtt'),
    action: textOf(row, 'action'),
    rejectRule: textOf(row, 'reject-rule'),
  };
}

/** As the record says; a record without the field has its ports, of which the lower one probably serves. */
function initiatorOf(
  row: FlowRow,
  sourcePort: number,
  destinationPort: number,
): { readonly initiator: Initiator; readonly evidence: InitiatorEvidence } {
  const said = textOf(row, 'initiator') ?? '';
  const evidence = textOf(row, 'initiator-evidence') ?? '';
  if (INITIATORS.includes(said)) {
    return {
      initiator: said as Initiator,
      evidence: EVIDENCE.includes(evidence) ? (evidence as InitiatorEvidence) : 'port',
    };
  }
  const bound = [SYSTEM_PORTS, EPHEMERAL_PORTS].find((at) => sourcePort < at !== destinationPort < at);
  if (bound === undefined) return { initiator: 'unknown', evidence: 'none' };
  return { initiator: destinationPort < bound ? 'source' : 'destination', evidence: 'port' };
}

function textOf(row: FlowRow, key: string): string | undefined {
  const value = Object.hasOwn(row, key) ? row[key] : undefined;
  return value === undefined || value === null || value === '' ? undefined : String(value);
}

function numberOf(row: FlowRow, key: string): number | undefined {
  const number = Number(textOf(row, key) ?? Number.NaN);
  return Number.isFinite(number) ? number : undefined;
}

function secondsOf(row: FlowRow, nanoseconds: string, seconds: string): number {
  const exact = numberOf(row, nanoseconds);
  return exact === undefined ? (numberOf(row, seconds) ?? 0) : exact / 1e9;
}

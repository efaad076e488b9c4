/**
 * The one list of the numbers of a ledger: what became of the packets of one window at one observation point. The ledger's
 * type, its sum, its codec, its log in Cloud Log Service, the status, the outcomes of the metrics and the table of docs/formats.md are
 * derived from it: a new number is one row, its field in `proto/flowlog.proto`, and whoever counts it.
 */
interface LedgerNumber {
  /** In the ledger, the status and the batches' protobuf (there in snake case). */
  readonly name: string;
  /** `tally`: packets and bytes; `count`: one number of `unit`; `flag`: yes or no. */
  readonly kind: 'tally' | 'count' | 'flag';
  readonly unit?: 'packets' | 'keys';
  /**
   * `outcome`: a term of the sum of what was offered; `metered`: a part of the metered; `beside`: of no part of the sum.
   */
  readonly part: 'outcome' | 'metered' | 'beside';
  /** Whose packets should be in a record and are not. */
  readonly isLoss?: true;
  /** Makes a window SKIPDATA, although no packet is missing. */
  readonly isDoubt?: true;
  /** Number of its field in the message `Ledger`. */
  readonly field: number;
  /** In the keys of its log: `ledger-<key>-packets`, and `-bytes` of a tally. */
  readonly key: string;
  /** Name and key in version 0.1, which 0.2 writes beside the new ones and reads in what an earlier one left. */
  readonly former?: { readonly name: string; readonly key: string };
  readonly meaning: string;
  /** The version of flowlogd that first counted it. */
  readonly since: string;
}

const NUMBERS = [
  {
    name: 'metered',
    kind: 'tally',
    part: 'outcome',
    field: 1,
    key: 'metered',
    meaning: 'Packets in records.',
    since: '0.1.0',
  },
  {
    name: 'notIp',
    kind: 'tally',
    part: 'outcome',
    field: 3,
    key: 'not-ip',
    meaning: 'ARP, LLDP and other frames without an IP packet.',
    since: '0.1.0',
  },
  {
    name: 'malformed',
    kind: 'tally',
    part: 'outcome',
    field: 4,
    key: 'malformed',
    meaning: 'Announced as IP but not an IP packet, or cut before its header ends.',
    since: '0.1.0',
  },
  {
    name: 'coarsened',
    kind: 'tally',
    part: 'metered',
    isDoubt: true,
    field: 10,
    key: 'coarsened',
    former: { name: 'folded', key: 'folded' },
    meaning: 'Packets whose flow found the table full, in coarser records.',
    since: '0.1.0',
  },
  {
    name: 'coarsenedKeys',
    kind: 'count',
    unit: 'keys',
    part: 'beside',
    field: 11,
    key: 'coarsened',
    former: { name: 'foldedKeys', key: 'folded' },
    meaning: 'Different flows among those, estimated with a standard error of 1.6 %.',
    since: '0.1.0',
  },
  {
    name: 'evicted',
    kind: 'tally',
    part: 'metered',
    isLoss: true,
    field: 12,
    key: 'evicted',
    former: { name: 'givenUp', key: 'given-up' },
    meaning: 'Packets whose records were dropped before delivery: over a limit of the spool, or as undeliverable.',
    since: '0.1.0',
  },
  {
    name: 'rejected',
    kind: 'tally',
    part: 'metered',
    field: 13,
    key: 'rejected',
    meaning: 'Packets that the packet filter rejected, in REJECT records alone.',
    since: '0.1.0',
  },
  {
    name: 'rejectsUnmatched',
    kind: 'tally',
    part: 'beside',
    field: 14,
    key: 'rejects-unmatched',
    meaning: 'Packets in REJECT records that could be taken from no flow of the interface.',
    since: '0.1.0',
  },
  {
    name: 'rejectsLost',
    kind: 'count',
    unit: 'packets',
    part: 'beside',
    isDoubt: true,
    field: 15,
    key: 'rejects-lost',
    meaning: 'Packets whose rejection was lost: recorded as ACCEPT.',
    since: '0.1.0',
  },
  {
    name: 'overflowed',
    kind: 'tally',
    part: 'outcome',
    isLoss: true,
    field: 5,
    key: 'overflowed',
    meaning: 'Packets in no record because a limit was reached.',
    since: '0.1.0',
  },
  {
    name: 'droppedByKernel',
    kind: 'count',
    unit: 'packets',
    part: 'outcome',
    isLoss: true,
    field: 6,
    key: 'dropped-by-kernel',
    meaning: 'Packets that found the packet ring full. Their bytes are unknown.',
    since: '0.1.0',
  },
  {
    name: 'droppedByInterface',
    kind: 'count',
    unit: 'packets',
    part: 'outcome',
    isLoss: true,
    field: 7,
    key: 'dropped-by-interface',
    meaning: 'Packets that the interface or its driver dropped. Their bytes are unknown.',
    since: '0.1.0',
  },
  {
    name: 'beforeAttach',
    kind: 'count',
    unit: 'packets',
    part: 'beside',
    isDoubt: true,
    field: 17,
    key: 'before-attach',
    meaning:
      'Packets that the interface carried while the agent ran and before its capture began, by its own counters.',
    since: '0.2.0',
  },
  {
    name: 'dropsUnknown',
    kind: 'flag',
    part: 'beside',
    field: 8,
    key: 'drops-unknown',
    meaning: 'The capture engine cannot count some of what was dropped.',
    since: '0.1.0',
  },
] as const satisfies readonly LedgerNumber[];

type Row = (typeof NUMBERS)[number];
type NamesOf<Kind extends LedgerNumber['kind']> = Extract<Row, { kind: Kind }>['name'];

/** Packets and IP bytes of what is metered or excluded; frame bytes of the others, whose IP length is unknown. */
export interface Tally {
  packets: number;
  bytes: number;
}

/** The numbers of one ledger, by name. */
export type LedgerNumbers = { readonly [name in NamesOf<'tally'>]: Tally } & { [name in NamesOf<'count'>]: number } & {
  [name in NamesOf<'flag'>]: boolean;
};

/** One number, whichever it is. */
export type LedgerRow = LedgerNumber &
  (
    | { readonly kind: 'tally'; readonly name: NamesOf<'tally'> }
    | { readonly kind: 'count'; readonly name: NamesOf<'count'> }
    | { readonly kind: 'flag'; readonly name: NamesOf<'flag'> }
  );

export const LEDGER_ROWS: readonly LedgerRow[] = NUMBERS;

/** The keys of a ledger's log that hold this number, in the order of its values: packets before bytes. */
export function logKeys(row: LedgerRow): readonly string[] {
  if (row.kind === 'tally') return tallyKeys(row.key);
  return [row.kind === 'count' ? `ledger-${row.key}-${row.unit}` : `ledger-${row.key}`];
}

/** The keys that held them in the release before, if these were others. */
export function formerLogKeys(row: LedgerRow): readonly string[] {
  return row.former === undefined ? [] : logKeys({ ...row, key: row.former.key });
}

/** Likewise of what a rule excluded, `key` being `excluded-<rule>`. */
export function tallyKeys(key: string): readonly [packets: string, bytes: string] {
  return [`ledger-${key}-packets`, `ledger-${key}-bytes`];
}

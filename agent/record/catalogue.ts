/**
 * The one list of record fields: what each is called on the way out, its type, what it means, where it comes from, and what
 * writes it. All formats print columns of this list; the tables of docs/formats.md and the index rules of docs/cls.md are
 * rendered from it.
 */
import type { ResourceType } from '../model/flow-log.ts';
import type { LogStatus } from '../model/ledger.ts';
import * as text from './field-text.ts';

/** What all records of one window share. */
export interface RowContext {
  /** Unix seconds. */
  readonly windowStart: number;
  readonly windowSeconds: number;
  /** Undefined where nobody configured one. */
  readonly accountId?: string | undefined;
  readonly interfaceId?: string | undefined;
  /** What the host cannot know, by the field's name. */
  readonly constants?: Readonly<Record<string, string>>;
}

/** Of a flow's row OK; else of the row that stands for the window. */
type SharedValue = (context: RowContext, status: LogStatus) => string | undefined;

/** What the fields of the source `evidence` are learnt from, in the order in which it is asked: each leaves what is known already. */
export const EVIDENCE = ['packet-filter', 'conntrack', 'regions', 'addresses', 'conversation'] as const;
export type Evidence = (typeof EVIDENCE)[number];

export type RecordField = FieldText & FieldSource;

/**
 * `key`: the same in all packets of the record; `counted`: grows with each packet; `window`: of the capture window;
 * `configured`; `constant`: configured, because the host cannot know it; `evidence`: learnt beside the packets.
 */
type FieldSource =
  | { readonly source: 'key' | 'counted' | 'window' | 'configured' | 'constant'; readonly evidence?: never }
  | { readonly source: 'evidence'; readonly evidence: Evidence };

interface FieldText {
  readonly name: string;
  /** Other names that a list of fields may call it by; its column is then called so. */
  readonly aliases?: readonly string[];
  readonly type: 'integer' | 'address' | 'text';
  /** How CLS indexes it, where the type does not say: integers as `long`, all else as `text`. */
  readonly index?: 'text';
  readonly meaning: string;
  /** The value in rows that stand for a window, and in all rows of it where a record has none of its own. */
  readonly shared?: SharedValue;
  /** The value of one record. */
  readonly write?: text.WriteValue;
  /** What `write` says of each record without annotations, where it needs them: a text, or null for nothing. */
  readonly unannotated?: string | null;
}

const VERSION = '2';

const windowStart: SharedValue = (context) => String(context.windowStart);
const windowEnd: SharedValue = (context) => String(context.windowStart + context.windowSeconds);

const PORTS = 'of TCP and UDP; 0 for every other protocol, later fragments and cut headers.';
const NO_TRANSLATION =
  'the record’s own where nothing is translated, none where connection tracking does not know the flow.';

/** A value that only the configuration knows. */
function constant(name: string, meaning: string, aliases: readonly string[] = []): RecordField {
  return {
    name,
    aliases,
    type: 'text',
    source: 'constant',
    meaning,
    shared: ({ constants }) => constants?.[name],
  };
}

export const RECORD_FIELDS: readonly RecordField[] = [
  {
    name: 'version',
    type: 'integer',
    index: 'text',
    source: 'configured',
    meaning: 'Version of the record format: 2.',
    shared: () => VERSION,
  },
  {
    name: 'account-id',
    type: 'text',
    source: 'configured',
    meaning: 'Account (AppID) that owns the record.',
    shared: ({ accountId }) => accountId,
  },
  {
    name: 'interface-id',
    aliases: ['interface_id'],
    type: 'text',
    source: 'configured',
    meaning: 'The observation point.',
    shared: ({ interfaceId }) => interfaceId,
  },
  {
    name: 'srcaddr',
    type: 'address',
    source: 'key',
    meaning: 'Source address of the outermost IP header; IPv6 as RFC 5952 writes it.',
    write: text.source,
  },
  {
    name: 'dstaddr',
    type: 'address',
    source: 'key',
    meaning: 'Destination address of the outermost IP header; IPv6 as RFC 5952 writes it.',
    write: text.destination,
  },
  { name: 'srcport', type: 'integer', source: 'key', meaning: `Source port ${PORTS}`, write: text.sourcePort },
  {
    name: 'dstport',
    type: 'integer',
    source: 'key',
    meaning: `Destination port ${PORTS}`,
    write: text.destinationPort,
  },
  {
    name: 'protocol',
    type: 'integer',
    source: 'key',
    meaning: 'IANA protocol number; for IPv6 the one after the extension headers.',
    write: text.protocol,
  },
  {
    name: 'packets',
    type: 'integer',
    source: 'counted',
    meaning:
      'Packets of the flow in the window, duplicates included. A super-frame of segmentation offload is one packet.',
    write: text.packets,
  },
  {
    name: 'bytes',
    type: 'integer',
    source: 'counted',
    meaning:
      'Bytes of IP header and payload of those packets, without link layer, padding and checksum. A super-frame has one header.',
    write: text.bytes,
  },
  {
    name: 'start',
    type: 'integer',
    source: 'window',
    meaning: 'Start of the capture window, Unix seconds.',
    shared: windowStart,
  },
  {
    name: 'end',
    type: 'integer',
    source: 'window',
    meaning: 'End of the capture window, Unix seconds.',
    shared: windowEnd,
  },
  {
    name: 'action',
    type: 'text',
    source: 'evidence',
    evidence: 'packet-filter',
    meaning: '`REJECT` where the packet filter said so, else `ACCEPT`: a tap sees what passes.',
    write: text.action,
    unannotated: 'ACCEPT',
  },
  {
    name: 'log-status',
    type: 'text',
    source: 'window',
    meaning:
      '`OK` in the row of a flow; `NODATA` in the row of a window without any, `SKIPDATA` in one more row of a window that lost packets.',
    shared: (_, status) => status,
  },
  {
    name: 'pkt-srcaddr',
    type: 'address',
    source: 'evidence',
    evidence: 'conntrack',
    meaning: `Source address on the other side of the translation; ${NO_TRANSLATION}`,
    write: text.translatedSource,
    unannotated: null,
  },
  {
    name: 'pkt-dstaddr',
    type: 'address',
    source: 'evidence',
    evidence: 'conntrack',
    meaning: `Destination address on the other side of the translation; ${NO_TRANSLATION}`,
    write: text.translatedDestination,
    unannotated: null,
  },
  {
    name: 'pkt-srcport',
    type: 'integer',
    source: 'evidence',
    evidence: 'conntrack',
    meaning: 'Source port on the other side, known when `pkt-srcaddr` is.',
    write: text.translatedSourcePort,
    unannotated: null,
  },
  {
    name: 'pkt-dstport',
    type: 'integer',
    source: 'evidence',
    evidence: 'conntrack',
    meaning: 'Destination port on the other side, known when `pkt-dstaddr` is.',
    write: text.translatedDestinationPort,
    unannotated: null,
  },
  {
    name: 'translation',
    type: 'text',
    source: 'evidence',
    evidence: 'conntrack',
    meaning:
      '`matched`: translated; `same`: connection tracking knows the flow and translates nothing; `unmatched`: it does not know it.',
    write: text.translation,
    unannotated: null,
  },
  constant('ccn-id', 'The network that joins the regions.', ['ccnid']),
  constant('region-id', 'The region of this host, as CCN records name it.'),
  {
    name: 'srcregionid',
    type: 'text',
    source: 'evidence',
    evidence: 'regions',
    meaning: 'Region of the source address, by the longest prefix of `regions`.',
    write: text.sourceRegion,
    unannotated: null,
  },
  {
    name: 'dstregionid',
    type: 'text',
    source: 'evidence',
    evidence: 'regions',
    meaning: 'Region of the destination address, by the longest prefix of `regions`.',
    write: text.destinationRegion,
    unannotated: null,
  },
  constant('vpc-id', 'The VPC of the interface.'),
  constant('subnet-id', 'The subnet of the interface.'),
  constant('instance-id', 'The instance that holds the interface.'),
  constant('region', 'The region of this host.'),
  constant('az-id', 'The availability zone of this host.'),
  {
    name: 'type',
    type: 'text',
    source: 'key',
    meaning: '`IPv4` or `IPv6`.',
    write: text.family,
  },
  {
    name: 'tcp-flags',
    aliases: ['tcp_flags'],
    type: 'integer',
    source: 'counted',
    meaning: 'Bitwise OR of the low eight TCP flag bits of all packets; 0 where there is no TCP header.',
    write: text.tcpFlags,
  },
  {
    name: 'direction',
    aliases: ['flow-direction'],
    type: 'text',
    source: 'evidence',
    evidence: 'addresses',
    meaning: '`ingress` or `egress`, seen from the interface: by the addresses and networks of the host’s interfaces.',
    write: text.direction,
    unannotated: null,
  },
  {
    name: 'initiator',
    type: 'text',
    source: 'evidence',
    evidence: 'conversation',
    meaning: 'Who began the conversation that the flow is one direction of: `source` or `destination`.',
    write: text.initiator,
    unannotated: null,
  },
  {
    name: 'initiator-evidence',
    type: 'text',
    source: 'evidence',
    evidence: 'conversation',
    meaning: 'Why `initiator` says so: `syn`, `conntrack`, or `port` (a guess).',
    write: text.initiatorEvidence,
    unannotated: null,
  },
  {
    name: 'reject-rule',
    type: 'text',
    source: 'evidence',
    evidence: 'packet-filter',
    meaning: 'The rule that rejected the packets, by its log prefix.',
    write: text.rejectRule,
    unannotated: null,
  },
  {
    name: 'handshake-rtt',
    type: 'integer',
    source: 'evidence',
    evidence: 'conversation',
    meaning: 'Microseconds from the SYN to the answering SYN-ACK, as seen here; where the window shows both.',
    write: text.handshake,
    unannotated: null,
  },
  {
    name: 'first',
    type: 'integer',
    source: 'counted',
    meaning: 'Time of the earliest packet of the record, whole Unix seconds.',
    write: text.firstSecond,
  },
  {
    name: 'last',
    type: 'integer',
    source: 'counted',
    meaning: 'Time of the latest packet of the record, whole Unix seconds.',
    write: text.lastSecond,
  },
  {
    name: 'start-ns',
    type: 'text',
    source: 'counted',
    meaning:
      'Time of the earliest packet in Unix nanoseconds, to the microsecond. A text: 19 digits are more than JSON numbers and `long` indexes hold.',
    write: text.firstNanosecond,
  },
  {
    name: 'end-ns',
    type: 'text',
    source: 'counted',
    meaning: 'Time of the latest packet in Unix nanoseconds, likewise.',
    write: text.lastNanosecond,
  },
  {
    name: 'window-start',
    aliases: ['window_start'],
    type: 'integer',
    source: 'window',
    meaning: 'Start of the capture window, Unix seconds, a multiple of its length.',
    shared: windowStart,
  },
  {
    name: 'window-end',
    aliases: ['window_end'],
    type: 'integer',
    source: 'window',
    meaning: 'End of the capture window, Unix seconds.',
    shared: windowEnd,
  },
];

const PORTS_CCN = 'of TCP and UDP; none for every other protocol.';

/** What the documents say otherwise of CCN records, `srcport` as text among it. */
const CCN_FIELDS: readonly RecordField[] = [
  {
    name: 'srcport',
    type: 'integer',
    index: 'text',
    source: 'key',
    meaning: `Source port ${PORTS_CCN}`,
    write: text.sourcePortWhereAny,
  },
  {
    name: 'dstport',
    type: 'integer',
    source: 'key',
    meaning: `Destination port ${PORTS_CCN}`,
    write: text.destinationPortWhereAny,
  },
  {
    name: 'start',
    type: 'integer',
    source: 'counted',
    meaning: 'Time of the earliest packet, Unix seconds; the window’s start in the row of a window.',
    shared: windowStart,
    write: text.firstSecond,
  },
  {
    name: 'end',
    type: 'integer',
    source: 'counted',
    meaning: 'Time of the latest packet, Unix seconds; the window’s end in the row of a window.',
    shared: windowEnd,
    write: text.lastSecond,
  },
];

/** A field under the name that its column bears. */
export interface Column {
  readonly label: string;
  readonly field: RecordField;
}

const BY_NAME = namesOf(RECORD_FIELDS);
const BY_CCN_NAME: ReadonlyMap<string, RecordField> = new Map([...BY_NAME, ...namesOf(CCN_FIELDS)]);

function namesOf(fields: readonly RecordField[]): ReadonlyMap<string, RecordField> {
  return new Map(fields.flatMap((field) => [field.name, ...(field.aliases ?? [])].map((name) => [name, field])));
}

/** Every name that a field has. */
export const FIELD_NAMES: readonly string[] = [...BY_NAME.keys()];

/** Names of what only the configuration knows. */
export const CONSTANT_NAMES: readonly string[] = RECORD_FIELDS.filter(({ source }) => source === 'constant').map(
  ({ name }) => name,
);

/** The documented rows: of interfaces, of NAT, of CCN in the documents' order. */
export const ROW_FORMATS = {
  eni: words(
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status',
  ),
  nat: words(
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status ' +
      'pkt-srcaddr pkt-dstaddr pkt-srcport pkt-dstport',
  ),
  ccn: words(
    'srcaddr dstregionid dstport start dstaddr version packets ccn-id protocol srcregionid bytes action region-id srcport end log-status',
  ),
} as const;
export type RowFormat = keyof typeof ROW_FORMATS;

const DOCUMENTED = { NETWORKINTERFACE: ROW_FORMATS.eni, NAT: ROW_FORMATS.nat, CCN: ROW_FORMATS.ccn } as const;

function words(text: string): readonly string[] {
  return text.split(' ');
}

/** The documented names of a resource type's row, where no others are given. */
export function fieldsOf(resourceType: ResourceType, fields: readonly string[]): readonly string[] {
  return fields.length === 0 ? DOCUMENTED[resourceType] : fields;
}

/** A word of a list of fields: a field's name, also as AWS writes it (`${srcaddr}`), or a row format. Undefined for others. */
export function fieldWord(text: string): string | undefined {
  const word = /^\$\{(.*)\}$/.exec(text)?.[1] ?? text;
  return BY_NAME.has(word) || isRowFormat(word) ? word : undefined;
}

function isRowFormat(word: string): word is RowFormat {
  return Object.hasOwn(ROW_FORMATS, word);
}

/** The field names of such words, each row format being all of its fields. */
export function expandWords(fieldWords: readonly string[]): readonly string[] {
  return fieldWords.flatMap((word) => (isRowFormat(word) ? ROW_FORMATS[word] : [word]));
}

/** What has to be asked for these columns. */
export function evidenceOf(columns: readonly Column[]): readonly Evidence[] {
  return EVIDENCE.filter((evidence) => columns.some(({ field }) => field.evidence === evidence));
}

/** Names of the constants that these columns show. */
export function constantsOf(columns: readonly Column[]): readonly string[] {
  return columns.filter(({ field }) => field.source === 'constant').map(({ field }) => field.name);
}

/** The columns of a list of fields, the documented ones of an empty list; undefined where a name is none. */
export function columnsOf(resourceType: ResourceType, fields: readonly string[]): readonly Column[] | undefined {
  const known = resourceType === 'CCN' ? BY_CCN_NAME : BY_NAME;
  const columns: Column[] = [];
  for (const label of fieldsOf(resourceType, fields)) {
    const field = known.get(label);
    if (field === undefined) return undefined;
    columns.push({ label, field });
  }
  return columns;
}

/** The row of `--format ndjson`; its `start` and `end` are those of the packets. */
export const NDJSON_COLUMNS: readonly Column[] = (
  [
    ['window_start', 'window-start'],
    ...words('srcaddr dstaddr srcport dstport protocol packets bytes').map((name) => [name, name] as const),
    ['start', 'first'],
    ['end', 'last'],
    ['tcp_flags', 'tcp-flags'],
    ['interface_id', 'interface-id'],
  ] as const
).map(([label, name]) => ({ label, field: BY_NAME.get(name)! }));

export const ENI_COLUMNS: readonly Column[] = columnsOf('NETWORKINTERFACE', [])!;

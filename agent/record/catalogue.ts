/**
 * The one list of record fields: what each is called on the way out, its type, what it means and where it comes from.
 * The formats print exactly these fields in exactly this order (a test compares), and docs/formats.md is rendered from here.
 */

export const RECORD_FORMATS = ['ndjson', 'eni'] as const;
export type RecordFormat = (typeof RECORD_FORMATS)[number];

export interface RecordField {
  readonly name: string;
  readonly type: 'integer' | 'address' | 'text';
  readonly meaning: string;
  /** `key`: the same in all packets of the record; `counted`: grows with each packet; `window`: of the capture window; `configured`. */
  readonly source: 'key' | 'counted' | 'window' | 'configured';
}

const SRCADDR: RecordField = {
  name: 'srcaddr',
  type: 'address',
  source: 'key',
  meaning: 'Source address of the outermost IP header; IPv6 as RFC 5952 writes it.',
};
const DSTADDR: RecordField = {
  name: 'dstaddr',
  type: 'address',
  source: 'key',
  meaning: 'Destination address of the outermost IP header; IPv6 as RFC 5952 writes it.',
};
const SRCPORT: RecordField = {
  name: 'srcport',
  type: 'integer',
  source: 'key',
  meaning: 'Source port of TCP and UDP; 0 for every other protocol, later fragments and cut headers.',
};
const DSTPORT: RecordField = {
  name: 'dstport',
  type: 'integer',
  source: 'key',
  meaning: 'Destination port of TCP and UDP; 0 for every other protocol, later fragments and cut headers.',
};
const PROTOCOL: RecordField = {
  name: 'protocol',
  type: 'integer',
  source: 'key',
  meaning: 'IANA protocol number; for IPv6 the one after the extension headers.',
};
const PACKETS: RecordField = {
  name: 'packets',
  type: 'integer',
  source: 'counted',
  meaning: 'Packets of the flow in the window, duplicates included.',
};
const BYTES: RecordField = {
  name: 'bytes',
  type: 'integer',
  source: 'counted',
  meaning: 'Bytes of IP header and payload of those packets, without link layer, padding and checksum.',
};

/** The fields of each format, in the order in which it prints them. */
export const RECORD_FIELDS: Readonly<Record<RecordFormat, readonly RecordField[]>> = {
  ndjson: [
    {
      name: 'window_start',
      type: 'integer',
      source: 'window',
      meaning: 'Start of the capture window, Unix seconds, a multiple of its length.',
    },
    SRCADDR,
    DSTADDR,
    SRCPORT,
    DSTPORT,
    PROTOCOL,
    PACKETS,
    BYTES,
    {
      name: 'start',
      type: 'integer',
      source: 'counted',
      meaning: 'Time of the earliest packet of the record, whole Unix seconds.',
    },
    {
      name: 'end',
      type: 'integer',
      source: 'counted',
      meaning: 'Time of the latest packet of the record, whole Unix seconds.',
    },
    {
      name: 'tcp_flags',
      type: 'integer',
      source: 'counted',
      meaning: 'Bitwise OR of the low eight TCP flag bits of all packets; 0 where there is no TCP header.',
    },
    {
      name: 'interface_id',
      type: 'text',
      source: 'configured',
      meaning: 'The observation point. Only where records of several can mix; not from savefiles.',
    },
  ],
  eni: [
    { name: 'version', type: 'integer', source: 'configured', meaning: 'Version of the record format: 2.' },
    {
      name: 'account-id',
      type: 'text',
      source: 'configured',
      meaning: 'Account (AppID) that owns the record, or `-`.',
    },
    { name: 'interface-id', type: 'text', source: 'configured', meaning: 'The observation point, or `-`.' },
    SRCADDR,
    DSTADDR,
    SRCPORT,
    DSTPORT,
    PROTOCOL,
    PACKETS,
    BYTES,
    { name: 'start', type: 'integer', source: 'window', meaning: 'Start of the capture window, Unix seconds.' },
    { name: 'end', type: 'integer', source: 'window', meaning: 'End of the capture window, Unix seconds.' },
    {
      name: 'action',
      type: 'text',
      source: 'configured',
      meaning: '`ACCEPT`: a passive tap sees what passes. `-` in a row that stands for a window.',
    },
    {
      name: 'log-status',
      type: 'text',
      source: 'window',
      meaning:
        '`OK` in the row of a flow; `NODATA` in the row of a window without any, `SKIPDATA` in one more row of a window that lost packets.',
    },
  ],
};

/** The fields of a format as a Markdown table. */
export function fieldTable(format: RecordFormat): string {
  const rows = RECORD_FIELDS[format].map(
    ({ name, type, source, meaning }, index) => `| ${index + 1} | \`${name}\` | ${type} | ${source} | ${meaning} |`,
  );
  return ['| # | field | type | source | meaning |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

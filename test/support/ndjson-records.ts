/** Records as NDJSON has them, for comparing whatever the order and however an address is spelled. */
export interface PlainRecord {
  readonly window_start: number;
  readonly srcaddr: string;
  readonly dstaddr: string;
  readonly srcport: number;
  readonly dstport: number;
  readonly protocol: number;
  readonly packets: number;
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
  readonly tcp_flags: number;
}

/** One spelling for one address: the URL standard's, which writes IPv6 as RFC 5952 does. */
export function canonicalAddress(text: string): string {
  return text.includes(':') ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : text;
}

export function parseRecords(ndjson: string): PlainRecord[] {
  return ndjson
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PlainRecord);
}

/** One line a record, key first, sorted. */
export function recordLines(records: readonly PlainRecord[]): string[] {
  return records
    .map((record) => {
      const { window_start, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, start, end } = record;
      const key = `${window_start} ${canonicalAddress(srcaddr)} ${canonicalAddress(dstaddr)} ${srcport} ${dstport} ${protocol}`;
      return `${key}: ${packets} packets, ${bytes} bytes, ${start} to ${end}, flags ${record.tcp_flags}`;
    })
    .sort();
}

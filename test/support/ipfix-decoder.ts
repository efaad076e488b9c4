/** A collector's side of IPFIX (RFC 7011), written down a second time: decodes messages by the templates in them and by nothing else. */

export interface DecodedField {
  readonly number: number;
  /** Of an element of an enterprise. */
  readonly enterprise: number | undefined;
  readonly length: number;
}

export interface DecodedTemplate {
  readonly id: number;
  readonly scopes: number;
  readonly fields: readonly DecodedField[];
}

export interface DecodedRecord {
  readonly template: number;
  readonly domain: number;
  /** Values by element: `8`, or `32473/25` of an enterprise. */
  readonly values: ReadonlyMap<string, Buffer>;
}

export interface DecodedMessage {
  readonly length: number;
  readonly exportSeconds: number;
  readonly sequence: number;
  readonly domain: number;
  readonly templates: readonly DecodedTemplate[];
  readonly records: readonly DecodedRecord[];
}

const VARIABLE = 0xffff;

export const unsigned = (value: Buffer | undefined): number => Number(BigInt(`0x${value?.toString('hex') || '0'}`));

/** One collector: it knows the templates of each domain that it was sent, and counts what the sequence numbers say is missing. */
export class IpfixDecoder {
  readonly #templates = new Map<string, DecodedTemplate>();
  readonly #next = new Map<number, number>();
  /** Data records that never came, as a collector counts them; of two domains added up. */
  missing = 0;

  /** A whole stream or file of messages. */
  all(bytes: Uint8Array): DecodedMessage[] {
    const messages: DecodedMessage[] = [];
    for (let rest = Buffer.from(bytes); rest.length > 0; ) {
      const length = rest.readUInt16BE(2);
      messages.push(this.message(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
    return messages;
  }

  message(bytes: Uint8Array): DecodedMessage {
    const data = Buffer.from(bytes);
    if (data.readUInt16BE(0) !== 10) throw new Error('not version 10');
    const [length, domain] = [data.readUInt16BE(2), data.readUInt32BE(12)];
    if (length !== data.length) throw new Error(`a message says ${length} bytes and has ${data.length}`);
    const templates: DecodedTemplate[] = [];
    const records: DecodedRecord[] = [];
    for (let at = 16; at < length; ) {
      const [id, setLength] = [data.readUInt16BE(at), data.readUInt16BE(at + 2)];
      if (setLength <= 4 || at + setLength > length) throw new Error(`a set of ${setLength} bytes at ${at}`);
      const set = data.subarray(at + 4, at + setLength);
      if (id === 2 || id === 3) templates.push(...this.#readTemplates(set, id === 3, domain));
      else records.push(...this.#readRecords(set, id, domain));
      at += setLength;
    }
    const sequence = data.readUInt32BE(8);
    this.missing += (sequence - (this.#next.get(domain) ?? sequence)) >>> 0;
    this.#next.set(domain, (sequence + records.length) >>> 0);
    return { length, exportSeconds: data.readUInt32BE(4), sequence, domain, templates, records };
  }

  #readTemplates(set: Buffer, hasScopes: boolean, domain: number): DecodedTemplate[] {
    const templates: DecodedTemplate[] = [];
    for (let at = 0; at < set.length; ) {
      const [id, count] = [set.readUInt16BE(at), set.readUInt16BE(at + 2)];
      if (count === 0) {
        this.#templates.delete(`${domain}/${id}`);
        at += 4;
        continue;
      }
      const scopes = hasScopes ? set.readUInt16BE(at + 4) : 0;
      at += hasScopes ? 6 : 4;
      const fields: DecodedField[] = [];
      for (let index = 0; index < count; index++) {
        const [number, length] = [set.readUInt16BE(at), set.readUInt16BE(at + 2)];
        const enterprise = number & 0x8000 ? set.readUInt32BE(at + 4) : undefined;
        fields.push({ number: number & 0x7fff, enterprise, length });
        at += enterprise === undefined ? 4 : 8;
      }
      const template = { id, scopes, fields };
      this.#templates.set(`${domain}/${id}`, template);
      templates.push(template);
    }
    return templates;
  }

  #readRecords(set: Buffer, id: number, domain: number): DecodedRecord[] {
    const template = this.#templates.get(`${domain}/${id}`);
    if (template === undefined) throw new Error(`no template ${id} in domain ${domain}`);
    const records: DecodedRecord[] = [];
    for (let at = 0; at < set.length; ) {
      const values = new Map<string, Buffer>();
      for (const { number, enterprise, length: fixed } of template.fields) {
        let length = fixed;
        if (fixed === VARIABLE) {
          length = set.readUInt8(at++);
          if (length === 255) {
            length = set.readUInt16BE(at);
            at += 2;
          }
        }
        if (at + length > set.length) throw new Error('a value leads past its set');
        values.set(enterprise === undefined ? `${number}` : `${enterprise}/${number}`, set.subarray(at, at + length));
        at += length;
      }
      records.push({ template: id, domain, values });
    }
    return records;
  }
}

/** The messages of an encoder, each by itself. */
export function cut({ bytes, ends }: { bytes: Uint8Array; ends: readonly number[] }): Uint8Array[] {
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

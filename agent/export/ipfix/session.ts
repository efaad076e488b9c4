/**
 * What an exporter remembers of each observation domain: a flow log at an interface. Its id is a digest of both names, so it is the same after every
 * restart. Limits: 16,384 domains; beyond, the one that was used least recently is forgotten, and begins with sequence number 0 again.
 */
import { createHash } from 'node:crypto';
import type { BatchHeader } from '../../model/batch-id.ts';

export const DOMAINS_MAX = 16_384;

/** What a template was announced as last, and when. */
export interface Announcement {
  /** The template record: a flow log that is made anew may have other fields under the same ids. */
  readonly bytes: Uint8Array;
  readonly atMs: number;
  /** How many messages of the domain had begun by then. */
  readonly message: number;
}

export interface Totals {
  messages: number;
  flowRecords: number;
  ignoredPackets: number;
  ignoredOctets: number;
  droppedPackets: number;
  unsentPackets: number;
  unsentOctets: number;
}

export interface Domain {
  readonly id: number;
  /** Data records of all messages so far, modulo 2^32. */
  sequence: number;
  readonly totals: Totals;
  /** By template id; empty where the collector knows none. */
  readonly announced: Map<number, Announcement>;
}

export class Session {
  /** Of what is said about the others, by their ids: options are in no domain of records, because some collectors do not count them. */
  readonly options: Domain = newDomain(0);
  readonly #domains = new Map<string, Domain>();
  readonly #ids = new Set<number>();
  readonly #domainsMax: number;

  constructor(domainsMax: number = DOMAINS_MAX) {
    this.#domainsMax = domainsMax;
  }

  /** The one of a batch, which is the most recently used one from now on. */
  domainOf({ flowLogId, interfaceId }: Pick<BatchHeader, 'flowLogId' | 'interfaceId'>): Domain {
    const key = JSON.stringify([flowLogId, interfaceId]);
    const domain = this.#domains.get(key) ?? this.#made(key);
    this.#domains.delete(key);
    this.#domains.set(key, domain);
    return domain;
  }

  /** The collector may be another process than before: it gets every template again. */
  forgetTemplates(): void {
    for (const { announced } of this.#all()) announced.clear();
  }

  /** Of a new connection, whose messages are counted from 0. */
  restartSequences(): void {
    for (const domain of this.#all()) domain.sequence = 0;
  }

  #all(): readonly Domain[] {
    return [this.options, ...this.#domains.values()];
  }

  #made(key: string): Domain {
    if (this.#domains.size >= this.#domainsMax) this.#forgetOldest();
    let id = digestOf(key);
    while (id === 0 || this.#ids.has(id)) id = (id + 1) >>> 0;
    this.#ids.add(id);
    return newDomain(id);
  }

  #forgetOldest(): void {
    for (const [key, { id }] of this.#domains) {
      this.#domains.delete(key);
      this.#ids.delete(id);
      return;
    }
  }
}

function newDomain(id: number): Domain {
  return { id, sequence: 0, totals: noTotals(), announced: new Map() };
}

function digestOf(key: string): number {
  return createHash('sha256').update(key).digest().readUInt32BE(0);
}

function noTotals(): Totals {
  return {
    messages: 0,
    flowRecords: 0,
    ignoredPackets: 0,
    ignoredOctets: 0,
    droppedPackets: 0,
    unsentPackets: 0,
    unsentOctets: 0,
  };
}

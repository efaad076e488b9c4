/**
 * Writes records into messages (RFC 7011 section 3), one behind the other in one buffer. Hot: nothing is allocated for a record.
 *
 *     Message   000a length  export time  sequence number  observation domain id   Set ...
 *     Set       id length  record ...
 *
 * A message ends before it would be longer than the limit; a record that is longer than that by itself gets a message of its own. What a
 * template stands for is announced before its first record, and again where the collector may have missed it.
 */
import { writeUint16, writeUint32 } from './octets.ts';
import type { Domain } from './session.ts';
import type { Template } from './template.ts';

export const MESSAGE_HEAD_BYTES = 16;
const SET_HEAD_BYTES = 4;
const VERSION = 10;
const START_BYTES = 65_536;

/** How often templates are announced where a message may be lost: whichever comes first. `Infinity` over connections. */
export interface Refresh {
  readonly afterMs: number;
  readonly afterMessages: number;
}

export interface Messages {
  readonly bytes: Uint8Array;
  /** Where each message ends. */
  readonly ends: readonly number[];
}

interface MessageHead {
  readonly length: number;
  readonly nowMs: number;
  readonly sequence: number;
  readonly domain: number;
}

/** RFC 7011 section 3.1. */
export function writeMessageHead(
  { length, nowMs, sequence, domain }: MessageHead,
  buffer: Uint8Array,
  at: number,
): number {
  const time = writeUint16(length, buffer, writeUint16(VERSION, buffer, at));
  return writeUint32(
    domain,
    buffer,
    writeUint32(sequence, buffer, writeUint32(Math.floor(nowMs / 1000), buffer, time)),
  );
}

/** Writes one record at a place with room enough, and answers where it ended. */
export type WriteRecord = (buffer: Uint8Array, at: number) => number;

/** An id, and what it stands for. */
export type Announced = Pick<Template, 'id' | 'bytes'>;

export class MessageWriter {
  #domain: Domain;
  readonly #messageBytesMax: number;
  readonly #refresh: Refresh;
  readonly #nowMs: number;
  #buffer: Uint8Array = Buffer.allocUnsafe(START_BYTES);
  #at = 0;
  readonly #ends: number[] = [];
  /** Where the open message and its open set begin; -1 for none. */
  #message = -1;
  #set = -1;
  #setId = 0;
  /** Data records of the open message. */
  #records = 0;

  constructor(domain: Domain, messageBytesMax: number, refresh: Refresh, nowMs: number) {
    this.#domain = domain;
    this.#messageBytesMax = messageBytesMax;
    this.#refresh = refresh;
    this.#nowMs = nowMs;
  }

  /** What follows is of another domain, and so in another message. */
  enter(domain: Domain): void {
    this.#endMessage();
    this.#domain = domain;
  }

  /** @param bytesMax what the record takes at most */
  record(template: Template, bytesMax: number, write: WriteRecord): void {
    if (this.#message < 0) this.#beginMessage();
    this.#enterSet(template);
    this.#need(bytesMax);
    const start = this.#at;
    this.#at = write(this.#buffer, start);
    if (this.#at - this.#message > this.#messageBytesMax && this.#records > 0) this.#moveRecord(template, start);
    this.#records++;
  }

  /** Whether the collector does not know what a template stands for in a domain, or may have missed it. */
  isDue({ id, bytes }: Announced, { announced, totals }: Domain): boolean {
    const last = announced.get(id);
    if (last === undefined || !isSame(last.bytes, bytes)) return true;
    const { afterMs, afterMessages } = this.#refresh;
    return this.#nowMs - last.atMs >= afterMs || totals.messages - last.message >= afterMessages;
  }

  /** The collector knows it from now on. */
  remember({ id, bytes }: Announced, { announced, totals }: Domain): void {
    announced.set(id, { bytes, atMs: this.#nowMs, message: totals.messages });
  }

  finish(): Messages {
    this.#endMessage();
    return { bytes: this.#buffer.subarray(0, this.#at), ends: this.#ends };
  }

  /** The record that did not fit is the first of the next message. */
  #moveRecord(template: Template, start: number): void {
    const moved = new Uint8Array(this.#buffer.subarray(start, this.#at));
    this.#at = start;
    this.#endMessage();
    this.#beginMessage();
    this.#enterSet(template);
    this.#need(moved.length);
    this.#buffer.set(moved, this.#at);
    this.#at += moved.length;
  }

  #enterSet(template: Template): void {
    if (this.#setId === template.id) return;
    if (this.isDue(template, this.#domain)) this.#announce(template);
    this.#beginSet(template.id);
  }

  #announce(template: Template): void {
    const { id, setId, bytes } = template;
    const taken = this.#at - this.#message + SET_HEAD_BYTES + bytes.length;
    if (taken > this.#messageBytesMax && this.#records > 0) {
      this.#endMessage();
      this.#beginMessage();
    }
    const last = this.#domain.announced.get(id);
    if (last !== undefined && this.#isStream) this.#writeSet(setId, withdrawal(id));
    this.#writeSet(setId, bytes);
    this.remember(template, this.#domain);
  }

  get #isStream(): boolean {
    return this.#refresh.afterMs === Number.POSITIVE_INFINITY;
  }

  #writeSet(setId: number, bytes: Uint8Array): void {
    this.#beginSet(setId);
    this.#need(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #beginSet(id: number): void {
    this.#endSet();
    this.#need(SET_HEAD_BYTES);
    this.#set = this.#at;
    this.#setId = id;
    this.#at = writeUint16(id, this.#buffer, this.#at) + 2;
  }

  /** One without records, whose first record went to the next message, is taken back. */
  #endSet(): void {
    if (this.#set < 0) return;
    if (this.#at === this.#set + SET_HEAD_BYTES) this.#at = this.#set;
    else writeUint16(this.#at - this.#set, this.#buffer, this.#set + 2);
    this.#set = -1;
    this.#setId = 0;
  }

  #beginMessage(): void {
    this.#need(MESSAGE_HEAD_BYTES);
    this.#message = this.#at;
    this.#records = 0;
    this.#domain.totals.messages++;
    const { sequence, id: domain } = this.#domain;
    // Its length is written when it ends.
    this.#at = writeMessageHead({ length: 0, nowMs: this.#nowMs, sequence, domain }, this.#buffer, this.#at);
  }

  #endMessage(): void {
    if (this.#message < 0) return;
    this.#endSet();
    writeUint16(this.#at - this.#message, this.#buffer, this.#message + 2);
    this.#ends.push(this.#at);
    this.#domain.sequence = (this.#domain.sequence + this.#records) >>> 0;
    this.#message = -1;
  }

  #need(bytes: number): void {
    const wanted = this.#at + bytes;
    if (wanted <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, wanted));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Over connections an id stands for one template until it is withdrawn (RFC 7011 section 8.1). */
function withdrawal(id: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint16(id, bytes, 0);
  return bytes;
}

/**
 * Records as the 14-field row of an ENI flow log, separated by single spaces:
 *
 *     2 1251762227 eni-lq6mkcis 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK
 *     2 1251762227 eni-lq6mkcis - - - - - - - 1431280876 1431280934 - NODATA
 *
 * `start` and `end` are the window's bounds. Everything before the source address and after the bytes is the same in all
 * rows of a window, so a row costs two copies and seven fields.
 */
import type { FlowRecord } from '../model/flow-record.ts';
import { type Ledger, logStatus } from '../model/ledger.ts';
import { DECIMAL_BYTES_MAX, IPV6_BYTES_MAX, template, writeAddress, writeBytes, writeDecimal } from './ascii.ts';
import { CONTEXT_TEXT_BYTES_MAX, contextText, type PrinterContext, type RecordPrinter } from './printer.ts';

const SPACE = 0x20;
const VERSION = 2;

export class TextPrinter implements RecordPrinter {
  readonly bytesMax = 2 * CONTEXT_TEXT_BYTES_MAX + 2 * IPV6_BYTES_MAX + 8 * DECIMAL_BYTES_MAX + 64;
  /** Version, account and interface, with the space after them. */
  #opening: Uint8Array = new Uint8Array(0);
  /** Bounds, action and status, with the space before them. */
  #closing: Uint8Array = new Uint8Array(0);
  #bounds = '';

  begin(context: PrinterContext): void {
    const { windowStart, windowSeconds } = context;
    this.#opening = Buffer.concat([template(`${VERSION} `), word(context.accountId), word(context.interfaceId)]);
    this.#bounds = `${windowStart} ${windowStart + windowSeconds}`;
    this.#closing = template(` ${this.#bounds} ACCEPT OK\n`);
  }

  print(record: FlowRecord, buffer: Uint8Array, at: number): number {
    const { family } = record;
    let end = writeBytes(this.#opening, buffer, at);
    end = writeAddress(family, record.source0, record.source1, record.source2, record.source3, buffer, end);
    buffer[end] = SPACE;
    end = writeAddress(
      family,
      record.destination0,
      record.destination1,
      record.destination2,
      record.destination3,
      buffer,
      end + 1,
    );
    buffer[end] = SPACE;
    end = writeDecimal(record.sourcePort, buffer, end + 1);
    buffer[end] = SPACE;
    end = writeDecimal(record.destinationPort, buffer, end + 1);
    buffer[end] = SPACE;
    end = writeDecimal(record.protocol, buffer, end + 1);
    buffer[end] = SPACE;
    end = writeDecimal(record.packets, buffer, end + 1);
    buffer[end] = SPACE;
    end = writeDecimal(record.bytes, buffer, end + 1);
    return writeBytes(this.#closing, buffer, end);
  }

  /** One row for a window in which nothing was metered, or in which something was lost. */
  finish(ledger: Ledger, buffer: Uint8Array, at: number): number {
    const status = logStatus(ledger);
    if (status === 'OK') return at;
    const end = writeBytes(this.#opening, buffer, at);
    return writeBytes(template(`- - - - - - - ${this.#bounds} - ${status}\n`), buffer, end);
  }
}

/** A row is split at its spaces, so a name that has any is printed without. */
function word(text: string | undefined): Uint8Array {
  return contextText(`${text?.replaceAll(/\s/g, '_') || '-'} `);
}

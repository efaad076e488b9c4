/**
 * Records as NDJSON: one object a line, fields as catalogue.ts lists them. Hot: a line is made of templates, one for each
 * key with the punctuation around it, and of digits written in between.
 */
import type { FlowRecord } from '../model/flow-record.ts';
import {
  DECIMAL_BYTES_MAX,
  IPV6_BYTES_MAX,
  template,
  writeAddress,
  writeBytes,
  writeDecimal,
  writeInteger,
} from './ascii.ts';
import { CONTEXT_TEXT_BYTES_MAX, contextText, type PrinterContext, type RecordPrinter } from './printer.ts';

const DSTADDR = template('","dstaddr":"');
const SRCPORT = template('","srcport":');
const DSTPORT = template(',"dstport":');
const PROTOCOL = template(',"protocol":');
const PACKETS = template(',"packets":');
const BYTES = template(',"bytes":');
const START = template(',"start":');
const END = template(',"end":');
const TCP_FLAGS = template(',"tcp_flags":');

/** All keys and punctuation (some 150 bytes), rounded up. */
const TEMPLATE_BYTES = 256;

export class NdjsonPrinter implements RecordPrinter {
  readonly bytesMax = TEMPLATE_BYTES + 2 * IPV6_BYTES_MAX + 9 * DECIMAL_BYTES_MAX + CONTEXT_TEXT_BYTES_MAX;
  #windowStart = 0;
  /** From the brace to the source address. */
  #opening: Uint8Array = new Uint8Array(0);
  /** From the TCP flags to the end of the line. */
  #closing: Uint8Array = new Uint8Array(0);

  begin(context: PrinterContext): void {
    this.#windowStart = context.windowStart;
    this.#opening = template(`{"window_start":${context.windowStart},"srcaddr":"`);
    const interfaceId =
      context.interfaceId === undefined ? '' : `,"interface_id":${JSON.stringify(context.interfaceId)}`;
    this.#closing = contextText(`${interfaceId}}\n`);
  }

  print(record: FlowRecord, buffer: Uint8Array, at: number): number {
    const { family } = record;
    let end = writeBytes(this.#opening, buffer, at);
    end = writeAddress(family, record.source0, record.source1, record.source2, record.source3, buffer, end);
    end = writeBytes(DSTADDR, buffer, end);
    end = writeAddress(
      family,
      record.destination0,
      record.destination1,
      record.destination2,
      record.destination3,
      buffer,
      end,
    );
    end = writeDecimal(record.sourcePort, buffer, writeBytes(SRCPORT, buffer, end));
    end = writeDecimal(record.destinationPort, buffer, writeBytes(DSTPORT, buffer, end));
    end = writeDecimal(record.protocol, buffer, writeBytes(PROTOCOL, buffer, end));
    end = writeDecimal(record.packets, buffer, writeBytes(PACKETS, buffer, end));
    end = writeDecimal(record.bytes, buffer, writeBytes(BYTES, buffer, end));
    end = writeInteger(this.#seconds(record.firstMicroseconds), buffer, writeBytes(START, buffer, end));
    end = writeInteger(this.#seconds(record.lastMicroseconds), buffer, writeBytes(END, buffer, end));
    end = writeDecimal(record.tcpFlags, buffer, writeBytes(TCP_FLAGS, buffer, end));
    return writeBytes(this.#closing, buffer, end);
  }

  #seconds(microseconds: number): number {
    return this.#windowStart + Math.floor(microseconds / 1_000_000);
  }
}

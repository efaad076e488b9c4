/** Kernels of NAT flow logs: a connection that begins and ends, and a record that is looked up at the end of its window. */
import { TranslationAnnotator } from '../../agent/conntrack/annotate-translation.ts';
import { type Connection, createConnection } from '../../agent/conntrack/connection.ts';
import { ConnectionTracker } from '../../agent/conntrack/connection-tracker.ts';
import { TranslationTable } from '../../agent/conntrack/translation-table.ts';
import { DESTINATION, PORTS } from '../../agent/conntrack/tuple.ts';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import type { Kernel, PreparedKernel } from './kernel.ts';

const CONNECTIONS = 250_000;
/** Of each public address of the gateway. */
const PORTS_EACH = 50_000;
const FIRST_PORT = 1024;
const TCP = 6;
const HTTPS = 443;
const CLIENTS = 0x0a00_0000;
const PUBLIC = 0xc000_0201;
const SERVER = 0xc633_6402;
const START_MS = 1000;
/** Of all connections in an order in which no two neighbours lie side by side. */
const STRIDE = 101_021;

export const TRANSLATION_KERNELS: readonly Kernel[] = [
  { name: 'translation/follow', item: 'flow', create: followKernel },
  { name: 'translation/look-up', item: 'record', create: lookUpKernel },
];

function publicPort(number: number): number {
  return FIRST_PORT + (number % PORTS_EACH);
}

function publicAddress(number: number): number {
  return PUBLIC + Math.floor(number / PORTS_EACH);
}

/** A client of its own for each connection, masqueraded. */
function load(connection: Connection, number: number): void {
  connection.protocol = TCP;
  connection.original[0] = CLIENTS + number;
  connection.original[DESTINATION] = SERVER;
  connection.original[PORTS] = (publicPort(number) << 16) | HTTPS;
  connection.reply[0] = SERVER;
  connection.reply[DESTINATION] = publicAddress(number);
  connection.reply[PORTS] = (HTTPS << 16) | publicPort(number);
}

function newTable(): TranslationTable {
  return new TranslationTable({ entriesMax: 1 << 20, seed: 0x5eed });
}

function fill(table: TranslationTable): void {
  const connection = createConnection();
  for (let number = 0; number < CONNECTIONS; number++) {
    load(connection, number);
    table.alive(connection, START_MS, START_MS);
  }
}

function followKernel(): PreparedKernel {
  const table = newTable();
  const connection = createConnection();
  const run = () => {
    fill(table);
    for (let number = 0; number < CONNECTIONS; number++) {
      load(connection, (number * STRIDE) % CONNECTIONS);
      table.destroyed(connection, START_MS, START_MS);
    }
    table.expire(START_MS + 1);
  };
  run();
  return { items: CONNECTIONS, note: 'begin, end and expiry; without the reading of the messages', run };
}

/** What is seen outside: from the gateway to the server. */
function loadSeen(record: FlowRecord, number: number): void {
  record.source0 = publicAddress(number);
  record.sourcePort = publicPort(number);
}

function lookUpKernel(): PreparedKernel {
  const table = newTable();
  const silent = { read: () => 0, close: () => undefined };
  const sockets = { openEvents: () => silent, openList: () => silent };
  const tracker = new ConnectionTracker({ sockets, table, now: () => START_MS });
  fill(table);
  const annotator = new TranslationAnnotator(tracker);
  const seen = { protocol: TCP, destination0: SERVER, destinationPort: HTTPS, lastMicroseconds: START_MS * 1000 };
  const record = { ...createFlowRecord(), ...seen };
  return {
    items: CONNECTIONS,
    note: `each of ${CONNECTIONS} connections once`,
    run() {
      for (let number = 0; number < CONNECTIONS; number++) {
        loadSeen(record, (number * STRIDE) % CONNECTIONS);
        annotator.annotate(record);
      }
      if (annotator.counters.unmatched > 0) throw new Error('a connection of the benchmark was not found');
    },
  };
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../../agent/conntrack/connection.ts';
import { ConntrackReader, dumpRequest } from '../../../agent/conntrack/ctnetlink.ts';
import { parseNetwork } from '../../../agent/packet/address.ts';
import { arbitraryConnection } from '../../support/arbitrary-connection.ts';
import {
  connectionMessage,
  DUMP_INTERRUPTED,
  doneMessage,
  type Ends,
  errorMessage,
  message,
  type TrackedConnection,
  TYPE,
} from '../../support/ctnetlink.ts';

function read(...datagrams: readonly Uint8Array[]): string[] {
  const reader = new ConntrackReader();
  return datagrams.flatMap((datagram) => {
    reader.load(datagram);
    const messages: string[] = [];
    for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
    return messages;
  });
}

function wordsOf(protocol: number, { source, destination, sourcePort = 0, destinationPort = 0 }: Ends): number[] {
  const address = (text: string) => [...parseNetwork(text)!.words, 0, 0, 0].slice(0, 4);
  const ports = protocol === 6 || protocol === 17 ? (sourcePort << 16) | destinationPort : 0;
  return [...address(source), ...address(destination), ports];
}

function expectRead(connection: Connection, expected: TrackedConnection): void {
  const { protocol, original, reply, zone = 0, startNanoseconds = 0n } = expected;
  expect(connection.family).toBe(original.source.includes(':') ? 6 : 4);
  expect(connection.protocol).toBe(protocol);
  expect([...connection.original]).toEqual(wordsOf(protocol, original));
  expect([...connection.reply]).toEqual(wordsOf(protocol, reply));
  expect(connection.zone).toBe(zone);
  expect(connection.startMs).toBe(Number(startNanoseconds / 1_000_000n));
}

const WEB: TrackedConnection = {
  protocol: 6,
  original: { source: '10.0.0.1', destination: '192.0.2.2', sourcePort: 40_000, destinationPort: 443 },
  reply: { source: '192.0.2.2', destination: '192.0.2.1', sourcePort: 443, destinationPort: 40_000 },
};

describe('a message of connection tracking', () => {
  test('says both tuples, whatever the connection', () => {
    const reader = new ConntrackReader();
    fc.assert(
      fc.property(fc.array(arbitraryConnection, { minLength: 1, maxLength: 4 }), (connections) => {
        const types = connections.map((_, index) => (index % 2 === 0 ? TYPE.new : TYPE.destroy));
        reader.load(Buffer.concat(connections.map((one, index) => connectionMessage(types[index]!, one))));
        for (const [index, one] of connections.entries()) {
          expect(reader.next()).toBe(index % 2 === 0 ? 'alive' : 'destroyed');
          expectRead(reader.connection, one);
        }
        expect(reader.next()).toBeUndefined();
      }),
    );
  });

  test('leaves nothing behind in the next', () => {
    const reader = new ConntrackReader();
    const icmp: TrackedConnection = {
      protocol: 1,
      original: { source: '10.0.0.1', destination: '192.0.2.2' },
      reply: { source: '192.0.2.2', destination: '10.0.0.1' },
    };
    for (const one of [{ ...WEB, zone: 7, startNanoseconds: 1_700_000_000_123_456_789n }, icmp]) {
      reader.load(connectionMessage(TYPE.new, one));
      expect(reader.next()).toBe('alive');
      expectRead(reader.connection, one);
    }
  });

  test('that is cut anywhere is malformed or nothing, and never read beyond its end', () => {
    const whole = connectionMessage(TYPE.new, WEB);
    for (let bytes = 1; bytes < whole.length; bytes++) expect(read(whole.subarray(0, bytes))).toEqual(['malformed']);
  });

  test('whose bytes are not what the kernel writes does no harm', () => {
    const whole = connectionMessage(TYPE.new, WEB);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const damaged = Buffer.from(whole);
          for (const [at, value] of changes) damaged[at] = value;
          expect(read(damaged).length).toBeLessThan(whole.length);
        },
      ),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => read(bytes).length <= bytes.length));
  });

  test('of another family is about something else, and one without a tuple is malformed', () => {
    expect(read(message(TYPE.new, Buffer.of(7, 0, 0, 0)))).toEqual(['other']);
    expect(read(message(TYPE.new, Buffer.of(2, 0, 0, 0)))).toEqual(['malformed']);
    expect(read(message(TYPE.noop, Buffer.alloc(0)))).toEqual(['other']);
  });
});

describe('a list of connections', () => {
  test('ends with its last message', () => {
    expect(read(connectionMessage(TYPE.new, WEB), doneMessage())).toEqual(['alive', 'done']);
  });

  test('that changed under the reading says so', () => {
    const reader = new ConntrackReader();
    for (const [flags, expected] of [[0, false] as const, [DUMP_INTERRUPTED, true] as const]) {
      reader.load(doneMessage(flags));
      expect(reader.next()).toBe('done');
      expect(reader.isInterrupted).toBe(expected);
    }
  });

  test('that is refused says why', () => {
    const reader = new ConntrackReader();
    reader.load(errorMessage(1));
    expect(reader.next()).toBe('failed');
    expect(reader.errno).toBe(1);
  });

  test('is asked for in twenty bytes', () => {
    expect(dumpRequest().length).toBe(20);
  });
});

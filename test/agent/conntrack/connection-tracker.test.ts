import { describe, expect, test } from 'vitest';
import { ConnectionTracker } from '../../../agent/conntrack/connection-tracker.ts';
import { type ConntrackSockets, type NetlinkSocket, OVERRUN } from '../../../agent/conntrack/netlink-socket.ts';
import { TranslationTable, UNMATCHED } from '../../../agent/conntrack/translation-table.ts';
import { tupleOf, turned } from '../../support/conntrack-connection.ts';
import {
  connectionMessage,
  DUMP_INTERRUPTED,
  doneMessage,
  errorMessage,
  type TrackedConnection,
  TYPE,
} from '../../support/ctnetlink.ts';

const TCP = 6;
const SECOND = 1000;

function connection(port: number): TrackedConnection {
  const original = { source: '10.0.0.2', sourcePort: port, destination: '192.0.2.2', destinationPort: 443 };
  return { protocol: TCP, original, reply: { ...turned(original), destination: '192.0.2.1' } };
}

/** The kernel's side: what it knows, what waits to be read, and what is open. */
class FakeKernel implements ConntrackSockets {
  nowMs = 1_000_000;
  readonly connections = new Map<number, TrackedConnection>();
  readonly waiting: (Uint8Array | typeof OVERRUN)[] = [];
  open = 0;
  lists = 0;
  /** How long each takes. */
  listMs = 0;
  /** Instead of the end of a list. */
  ending: Uint8Array | undefined = doneMessage();

  begin(port: number, isTold = true): void {
    this.connections.set(port, connection(port));
    if (isTold) this.waiting.push(connectionMessage(TYPE.new, connection(port)));
  }

  end(port: number, isTold = true): void {
    this.connections.delete(port);
    if (isTold) this.waiting.push(connectionMessage(TYPE.destroy, connection(port)));
  }

  openEvents(): NetlinkSocket {
    return this.#socket(this.waiting);
  }

  openList(): NetlinkSocket {
    this.lists++;
    this.nowMs += this.listMs;
    const messages = [...this.connections.values()].map((one) => connectionMessage(TYPE.new, one));
    return this.#socket(this.ending === undefined ? messages : [...messages, this.ending]);
  }

  #socket(queue: (Uint8Array | typeof OVERRUN)[]): NetlinkSocket {
    this.open++;
    return {
      read(into) {
        const next = queue.shift() ?? new Uint8Array(0);
        if (next === OVERRUN) return OVERRUN;
        into.set(next);
        return next.length;
      },
      close: () => {
        this.open--;
      },
    };
  }
}

function follow(kernel: FakeKernel): ConnectionTracker {
  return new ConnectionTracker({
    sockets: kernel,
    table: new TranslationTable({ entriesMax: 100, seed: 1 }),
    now: () => kernel.nowMs,
  });
}

function isKnown({ table }: ConnectionTracker, port: number, atMs: number): boolean {
  return table.find(tupleOf(connection(port).original), 4, TCP, atMs, atMs) !== UNMATCHED;
}

describe('a tracker', () => {
  test('knows what there is when it starts, however old, and what it is told of', () => {
    const kernel = new FakeKernel();
    kernel.begin(1, false);
    const tracker = follow(kernel);
    expect(isKnown(tracker, 1, 0)).toBe(true);
    kernel.begin(2);
    kernel.end(1);
    kernel.nowMs += SECOND;
    tracker.poll();
    expect(isKnown(tracker, 2, kernel.nowMs)).toBe(true);
    expect(isKnown(tracker, 1, kernel.nowMs)).toBe(true);
    expect(isKnown(tracker, 1, kernel.nowMs + 1)).toBe(false);
    expect(tracker.counters).toMatchObject({ events: 2, lists: 1, overruns: 0 });
  });

  test('takes a connection to have begun no earlier than when nothing waited any more', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.nowMs += SECOND;
    const emptyMs = kernel.nowMs;
    tracker.poll();
    kernel.begin(1);
    kernel.nowMs += SECOND;
    tracker.poll();
    expect(isKnown(tracker, 1, emptyMs)).toBe(true);
    expect(isKnown(tracker, 1, emptyMs - 1)).toBe(false);
  });

  test('forgets a connection when the windows of its packets have been recorded', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    for (const windowSeconds of [60, 10]) tracker.remember(windowSeconds);
    kernel.begin(1);
    kernel.end(1);
    tracker.poll();
    kernel.nowMs += (60 + 60) * SECOND;
    tracker.poll();
    expect(tracker.table.size).toBe(1);
    kernel.nowMs += 1;
    tracker.poll();
    expect(tracker.table.size).toBe(0);
  });

  test('asks for a list when events were lost, and learns from it what began and what ended', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.begin(1);
    tracker.poll();
    kernel.nowMs += 10 * SECOND;
    kernel.end(1, false);
    kernel.begin(2, false);
    kernel.waiting.push(OVERRUN);
    tracker.poll();
    expect(tracker.counters).toMatchObject({ overruns: 1, lists: 2 });
    expect(isKnown(tracker, 1, kernel.nowMs + 1)).toBe(false);
    expect(isKnown(tracker, 2, kernel.nowMs + 1)).toBe(true);
  });

  test('asks at once the first time that events are lost, also right after its start', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.begin(1, false);
    kernel.waiting.push(OVERRUN);
    tracker.poll();
    expect(isKnown(tracker, 1, kernel.nowMs)).toBe(true);
  });

  test.each([
    [0, 10],
    [500, 3],
  ])('leaves pauses between lists of %i ms, however often events are lost', (tookMs, lists) => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.listMs = tookMs;
    const endMs = kernel.nowMs + 10 * SECOND;
    while (kernel.nowMs < endMs) {
      kernel.nowMs += SECOND / 10;
      kernel.waiting.push(OVERRUN);
      tracker.poll();
    }
    expect(kernel.lists - 1).toBe(lists);
  });

  test('asks for a list now and then, for what ends without a word', () => {
    const kernel = new FakeKernel();
    kernel.begin(1, false);
    const tracker = follow(kernel);
    kernel.end(1, false);
    kernel.nowMs += 300 * SECOND;
    tracker.poll();
    expect(isKnown(tracker, 1, kernel.nowMs + 1)).toBe(false);
    expect(kernel.lists).toBe(2);
  });

  test.each([
    ['changed under the reading', doneMessage(DUMP_INTERRUPTED)],
    ['broke off', undefined],
  ])('takes nothing for ended because of a list that %s, and asks again soon', (_, ending) => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.begin(1);
    tracker.poll();
    kernel.connections.clear();
    kernel.ending = ending;
    kernel.nowMs += 300 * SECOND;
    tracker.poll();
    expect(tracker.counters).toMatchObject({ lists: 2, partialLists: 1 });
    expect(isKnown(tracker, 1, kernel.nowMs + 1)).toBe(true);
    kernel.ending = doneMessage();
    kernel.nowMs += 5 * SECOND;
    tracker.poll();
    expect(isKnown(tracker, 1, kernel.nowMs + 1)).toBe(false);
  });

  test('goes on with events when a later list is refused', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.ending = errorMessage(12);
    kernel.nowMs += 300 * SECOND;
    kernel.begin(1);
    tracker.poll();
    expect(isKnown(tracker, 1, kernel.nowMs)).toBe(true);
    expect(tracker.counters.partialLists).toBe(1);
  });

  test('counts what the kernel does not document, and goes on', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    kernel.waiting.push(Uint8Array.of(1, 2, 3), connectionMessage(TYPE.new, connection(1)));
    tracker.poll();
    expect(tracker.counters).toMatchObject({ malformed: 1, events: 1 });
  });

  test('closes its sockets', () => {
    const kernel = new FakeKernel();
    const tracker = follow(kernel);
    expect(kernel.open).toBe(1);
    tracker.close();
    expect(kernel.open).toBe(0);
  });

  test.each([
    [1, 'conntrack.permission', /CAP_NET_ADMIN.*setcap/],
    [93, 'conntrack.unavailable', /errno 93.*nf_conntrack_netlink/],
  ])('says why it cannot start when the kernel answers with errno %i', (errno, code, message) => {
    const kernel = new FakeKernel();
    kernel.ending = errorMessage(errno);
    expect(() => follow(kernel)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(kernel.open).toBe(0);
  });
});

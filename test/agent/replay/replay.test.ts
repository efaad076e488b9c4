import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Window } from '../../../agent/flow/window.ts';
import { offeredPackets } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { OutputWindow, WindowOutput } from '../../../agent/model/window-output.ts';
import { type ReplayReport, replay } from '../../../agent/replay/replay.ts';
import { type ClosedCopy, copyOf, meterOptions } from '../../support/metering.ts';
import type { BatchPacket } from '../../support/packet-batch.ts';
import { ethernet, ipv4, PROTOCOL, udp } from '../../support/packet-builder.ts';
import { damaged, type Read, ScriptedSavefiles, unreadable } from '../../support/scripted-savefile.ts';

const WINDOW_SECONDS = 60;
const HELD_WINDOWS_MAX = 8;

/** 32 bytes of IP from a port that tells flows apart. */
function packet(seconds: number, sourcePort = 1): BatchPacket {
  const datagram = udp({ sourcePort, destinationPort: 53 }, new Uint8Array(4));
  return {
    seconds,
    bytes: ethernet({}, ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp }, datagram)),
  };
}
const read = (...packets: readonly BatchPacket[]): Read => ({ packets });

/** Keeps what it is given, and what it is told. */
class Gathered implements WindowOutput {
  readonly windows: ClosedCopy[] = [];
  readonly calls: string[] = [];
  failsAt: 'write' | 'end' | undefined;
  fails = new OperationalError('output.failed', 'Writing records failed: no space left on device.');

  async write(window: OutputWindow): Promise<void> {
    this.calls.push('write');
    if (this.failsAt === 'write') throw this.fails;
    await delay(0);
    this.windows.push(copyOf(window as Window));
  }

  async end(): Promise<void> {
    this.calls.push('end');
    if (this.failsAt === 'end') throw this.fails;
  }

  async abandon(): Promise<void> {
    this.calls.push('abandon');
    if (this.failsAt !== undefined) throw new Error('nor can it be abandoned');
  }

  /** `start: packets of each source port`, in the order they came. */
  get flows(): string[] {
    return this.windows.map(
      ({ start, records }) =>
        `${start}: ${records
          .map(({ sourcePort, packets }) => `${sourcePort}×${packets}`)
          .sort()
          .join(' ')}`,
    );
  }
}

interface Replayed extends ReplayReport {
  readonly output: Gathered;
  readonly engine: ScriptedSavefiles;
  readonly progress: readonly [file: string, bytes: number][];
}

async function replayed(
  files: Readonly<Record<string, readonly Read[]>>,
  options: { readonly paths?: readonly string[]; readonly signal?: AbortSignal; readonly output?: Gathered } = {},
): Promise<Replayed> {
  const output = options.output ?? new Gathered();
  const engine = new ScriptedSavefiles(files);
  const progress: [string, number][] = [];
  const report = await replay({
    files: options.paths ?? Object.keys(files),
    engine,
    filter: '',
    meter: { ...meterOptions(), windowSeconds: WINDOW_SECONDS, windowsMax: HELD_WINDOWS_MAX },
    output,
    onProgress: (file, bytes) => progress.push([file, bytes]),
    linkTypeName: (linkType) => `LINK (${linkType})`,
    signal: options.signal ?? new AbortController().signal,
  });
  expect(engine.opened.every(({ isClosed }) => isClosed)).toBe(true);
  return { ...report, output, engine, progress };
}

describe('a replay', () => {
  test('hands over one window after the other, with all packets of its time, whatever file they are in', async () => {
    const { output, ledger, windows, records, splitWindows, failures } = await replayed({
      'a.pcap': [read(packet(5), packet(61, 2)), read(packet(59))],
      'b.pcap': [read(packet(7), packet(8, 3))],
    });
    expect(output.flows).toEqual(['0: 1×3 3×1', '60: 2×1']);
    expect(output.calls).toEqual(['write', 'write', 'end']);
    expect({ windows, records, splitWindows, failures }).toEqual({
      windows: 2,
      records: 3,
      splitWindows: 0,
      failures: [],
    });
    expect(ledger).toMatchObject({ metered: { packets: 5, bytes: 160 } });
  });

  test('of nothing writes no window and ends its output', async () => {
    const { output, windows, hasReadNothing } = await replayed({ 'empty.pcap': [] });
    expect(output.calls).toEqual(['end']);
    expect({ windows, hasReadNothing }).toEqual({ windows: 0, hasReadNothing: false });
  });

  test('adds up to what a map adds up to, in whatever order packets come', async () => {
    const arbitraryPacket = fc.record({
      seconds: fc.nat({ max: 7 * WINDOW_SECONDS }),
      port: fc.integer({ min: 1, max: 3 }),
    });
    const arbitraryFiles = fc.array(fc.array(fc.array(arbitraryPacket, { minLength: 1 }), { maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(arbitraryFiles, async (files) => {
        const expected = new Map<string, number>();
        for (const { seconds, port } of files.flat(2)) {
          const flow = `${Math.floor(seconds / WINDOW_SECONDS) * WINDOW_SECONDS} ${port}`;
          expected.set(flow, (expected.get(flow) ?? 0) + 1);
        }
        const reads = files.map((file, index): [string, Read[]] => [
          `${index}`,
          file.map((packets) => read(...packets.map(({ seconds, port }) => packet(seconds, port)))),
        ]);
        const { output, records } = await replayed(Object.fromEntries(reads));
        const found = output.windows.flatMap(({ start, records }) =>
          records.map(({ sourcePort, packets }): [string, number] => [`${start} ${sourcePort}`, packets]),
        );
        expect(new Map(found)).toEqual(expected);
        expect(found).toHaveLength(expected.size);
        expect(records).toBe(expected.size);
      }),
      { numRuns: 50 },
    );
  });

  test('holds as many windows as it may, and counts those that were written in several parts', async () => {
    const starts = Array.from({ length: HELD_WINDOWS_MAX + 1 }, (_, index) => index * WINDOW_SECONDS);
    const reads = starts.map((start) => read(packet(start)));
    const { output, windows, splitWindows, ledger } = await replayed({
      'years.pcap': [...reads, read(packet(0), packet(0))],
    });
    expect(windows).toBe(starts.length);
    expect(splitWindows).toBe(1);
    const first = output.windows.filter(({ start }) => start === 0);
    expect(first.map(({ revision, records }) => [revision, records[0]!.packets])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(offeredPackets(ledger)).toBe(starts.length + 2);
  });

  test('decodes each packet by the link type that it came with', async () => {
    const raw = { linkType: 101, packets: [{ seconds: 2, bytes: packet(0).bytes.subarray(14) }] };
    const { output } = await replayed({ 'two.pcapng': [read(packet(1)), raw, { linkType: 1, packets: [packet(3)] }] });
    expect(output.flows).toEqual(['0: 1×3']);
  });

  test('shows how far it is in every file, the end of it included', async () => {
    const many = Array.from({ length: 40 }, () => read(packet(1)));
    const { progress } = await replayed({ 'long.pcap': many, 'short.pcap': [read(packet(1), packet(2))] });
    const bytesOf = (file: string) => progress.filter(([name]) => name === file).map(([, bytes]) => bytes);
    const record = bytesOf('short.pcap').at(-1)! / 2;
    expect(record).toBeGreaterThan(packet(1).bytes.length);
    expect(bytesOf('long.pcap')).toEqual([16 * record, 32 * record, 40 * record]);
  });
});

describe('a file that cannot be read', () => {
  test('is named, and the others count', async () => {
    const { failures, output, hasReadNothing } = await replayed(
      { 'a.pcap': [read(packet(1))], 'b.pcap': [read(packet(2)), damaged('b.pcap')], 'c.pcap': [read(packet(3))] },
      { paths: ['a.pcap', 'gone.pcap', 'b.pcap', 'c.pcap'] },
    );
    expect(failures).toEqual([unreadable('gone.pcap'), damaged('b.pcap')]);
    expect(output.flows).toEqual(['0: 1×3']);
    expect(output.calls.at(-1)).toBe('end');
    expect(hasReadNothing).toBe(false);
  });

  test('leaves no output where there is no other', async () => {
    const { failures, output, hasReadNothing } = await replayed({ 'bad.pcap': [damaged('bad.pcap')] });
    expect(failures).toEqual([damaged('bad.pcap')]);
    expect(output.calls).toEqual(['abandon']);
    expect(hasReadNothing).toBe(true);
  });

  test('may be one of an unknown link type, from its beginning or later', async () => {
    const expected = 'expected Ethernet, Linux cooked (SLL, SLL2), BSD loopback (NULL, LOOP), NFLOG or raw IP.';
    const { failures, output } = await replayed({
      'first.pcap': [{ linkType: 104, packets: [packet(1)] }],
      'later.pcapng': [read(packet(2)), { linkType: 104, packets: [packet(3)] }],
    });
    expect(failures.map(({ code, message }) => [code, message])).toEqual([
      ['savefile.link-type', `Reading first.pcap failed: unsupported link type LINK (104); ${expected}`],
      [
        'savefile.link-type',
        'Reading later.pcapng failed after the packets before, which were processed: unsupported link type LINK (104); ' +
          expected,
      ],
    ]);
    expect(output.flows).toEqual(['0: 1×1']);
  });
});

describe('a replay that is to end', () => {
  test('begins no further file', async () => {
    const { engine, output } = await replayed({ 'a.pcap': [read(packet(1))] }, { signal: AbortSignal.abort() });
    expect(engine.opened).toEqual([]);
    expect(output.calls).toEqual(['end']);
  });

  test('ends in the silence of a pipe, and hands over what came', async () => {
    const ending = new AbortController();
    setTimeout(() => ending.abort(), 10);
    const { output, failures } = await replayed(
      { '-': [read(packet(1)), 'silence'], 'next.pcap': [read(packet(2))] },
      { signal: ending.signal },
    );
    expect(output.flows).toEqual(['0: 1×1']);
    expect(failures).toEqual([]);
  });

  test('does not complain about an input that was cut by the same signal', async () => {
    const ending = new AbortController();
    const cut: Read = damaged('-');
    const files = { '-': [read(packet(1)), cut] };
    setImmediate(() => ending.abort());
    const { failures, output } = await replayed(files, { signal: ending.signal });
    expect(failures).toEqual([]);
    expect(output.flows).toEqual(['0: 1×1']);
  });
});

describe('an output that fails', () => {
  test.each(['write', 'end'] as const)('at %s ends the replay with its own error, and is let go', async (failsAt) => {
    const output = new Gathered();
    output.failsAt = failsAt;
    await expect(replayed({ 'a.pcap': [read(packet(1))] }, { output })).rejects.toBe(output.fails);
    expect(output.calls.at(-1)).toBe('abandon');
    expect(output.calls.filter((call) => call === 'abandon')).toHaveLength(1);
  });

  test.each(['sink.refused', 'sink.unreachable'] as const)('is no failure of the input: %s', async (code) => {
    const output = new Gathered();
    output.failsAt = 'write';
    output.fails = new OperationalError(code, 'The service refuses.');
    const years = Array.from({ length: HELD_WINDOWS_MAX + 1 }, (_, index) => read(packet(index * WINDOW_SECONDS)));
    await expect(replayed({ 'a.pcap': years, 'b.pcap': [] }, { output })).rejects.toBe(output.fails);
    expect(output.calls).toEqual(['write', 'abandon']);
  });
});

/** What a closed window becomes: rows, tables, batches, deliveries, and several of these at once. */
import { describe, expect, test } from 'vitest';
import { headerOf } from '../../../agent/model/batch-id.ts';
import { FLOW_LOG_DEFAULTS, type ObservationPoint } from '../../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../../agent/model/flow-record.ts';
import { createLedger } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { OutputWindow, WindowOutput } from '../../../agent/model/window-output.ts';
import { AnnotatedOutput } from '../../../agent/output/annotated-output.ts';
import { BatchOutput } from '../../../agent/output/batch-output.ts';
import { DeliveredOutput } from '../../../agent/output/delivered-output.ts';
import { createPrinter, PrintedOutput } from '../../../agent/output/printed-output.ts';
import { outputToAll } from '../../../agent/output/report-output.ts';
import { TableOutput, windowTitle } from '../../../agent/output/table-output.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { cursorOver } from '../../support/flow-records.ts';

const POINT: ObservationPoint = {
  flowLog: { ...FLOW_LOG_DEFAULTS, id: 'replay', accountId: '-', windowSeconds: 60 },
  interfaceId: 'replay',
  interfaceName: 'replay',
};
const HEADER = headerOf({ hostId: 'host', runId: 'run' }, POINT, 0);

function flow(sourcePort: number, bytes = 100): FlowRecord {
  return {
    ...createFlowRecord(),
    ...{ source0: 0x0a000001, destination0: 0x0a000002, sourcePort, destinationPort: 53, protocol: 17 },
    ...{ packets: 1, bytes },
  };
}
function windowOf(start: number, records: readonly FlowRecord[]): OutputWindow {
  const ledger = createLedger([]);
  for (const { packets, bytes } of records) {
    ledger.metered.packets += packets;
    ledger.metered.bytes += bytes;
  }
  return { start, ledger, records: () => cursorOver(records) };
}

/** A destination that keeps what came, and what it was told at the end. */
function gathering() {
  const writes: Uint8Array[] = [];
  const calls: string[] = [];
  return {
    writes,
    calls,
    get text() {
      return Buffer.concat(writes).toString();
    },
    write: (bytes: Uint8Array) => void writes.push(bytes.slice()),
    end: () => void calls.push('end'),
    abandon: () => void calls.push('abandon'),
  };
}

describe('printed records', () => {
  const printed = (fields: readonly string[], hasHeader = true) => {
    const destination = gathering();
    const printer = createPrinter('text', { resourceType: 'NETWORKINTERFACE', fields });
    const header = hasHeader ? printer.header : '';
    return { destination, output: new PrintedOutput(printer, { windowSeconds: 60 }, destination, header) };
  };

  test('come in the order of their window, under one header for all windows', async () => {
    const { destination, output } = printed(['srcport', 'bytes', 'start']);
    await output.write(windowOf(60, [flow(7), flow(3, 50)]));
    await output.write(windowOf(120, [flow(9)]));
    await output.end();
    expect(destination.text).toBe('srcport bytes start\n7 100 60\n3 50 60\n9 100 120\n');
    expect(destination.calls).toEqual(['end']);
  });

  test('come without a header where none is wanted', async () => {
    const { destination, output } = printed(['srcport'], false);
    await output.write(windowOf(0, [flow(7)]));
    expect(destination.text).toBe('7\n');
  });

  test('are written in pieces that the buffer holds, each record whole and once', async () => {
    const { destination, output } = printed(['srcport', 'packets']);
    const ports = Array.from({ length: 60_000 }, (_, index) => index + 1);
    await output.write(
      windowOf(
        0,
        ports.map((port) => flow(port)),
      ),
    );
    expect(destination.writes.length).toBeGreaterThan(2);
    expect(Math.max(...destination.writes.map(({ length }) => length))).toBeLessThanOrEqual(256 * 1024);
    for (const piece of destination.writes) expect(piece.at(-1)).toBe(0x0a);
    expect(destination.text.trimEnd().split('\n').slice(1)).toEqual(ports.map((port) => `${port} 1`));
  });

  test('are let go with their destination', async () => {
    const { destination, output } = printed(['srcport']);
    await output.abandon();
    expect([destination.text, ...destination.calls]).toEqual(['', 'abandon']);
  });
});

test('annotated records have what their annotators know, and the records of the window are as they were', async () => {
  const destination = gathering();
  const printer = createPrinter('text', { resourceType: 'NETWORKINTERFACE', fields: ['srcport', 'action'] });
  const printed = new PrintedOutput(printer, { windowSeconds: 60 }, destination, '');
  const begun: number[] = [];
  const annotator = {
    begin: ({ windowStart }: { readonly windowStart: number }) => void begun.push(windowStart),
    annotate: (record: FlowRecord) => {
      record.isAnnotated = true;
      record.annotations.action = record.sourcePort === 7 ? 'REJECT' : 'ACCEPT';
    },
  };
  const output = new AnnotatedOutput(printed, POINT, [annotator as never]);
  await output.write(windowOf(60, [flow(7), flow(8)]));
  await output.end();
  expect(destination.text).toBe('7 REJECT\n8 ACCEPT\n');
  expect(begun).toEqual([60]);
  expect(destination.calls).toEqual(['end']);
});

describe('a table', () => {
  test('has the largest flows of each window under its title', async () => {
    const destination = gathering();
    const output = new TableOutput(2, 100, destination);
    await output.write(windowOf(60, [flow(1, 10), flow(2, 3000), flow(3, 200)]));
    const lines = destination.text.split('\n');
    expect(lines[0]).toBe('Window 1970-01-01T00:01:00Z: 3 flows, 3 packets, 3.2 kB');
    expect(lines.filter((line) => line.includes('10.0.0.1:')).map((line) => /:(\d+)/.exec(line)![1])).toEqual([
      '2',
      '3',
    ]);
  });

  test.each([
    [0, 'Window 1970-01-01T00:00:00Z: 1 flow, 1 packet, 5 B'],
    [253_402_300_800, 'Window +010000-01-01T00:00:00Z: 1 flow, 1 packet, 5 B'],
    [2 ** 50, 'Window second 1125899906842624: 1 flow, 1 packet, 5 B'],
  ])('of second %d is titled %s', (start, title) => {
    expect(windowTitle(start, { records: 1, packets: 1, bytes: 5 })).toBe(title);
  });
});

describe('batches', () => {
  test('stand one after the other, each behind its length', async () => {
    const destination = gathering();
    const output = new BatchOutput(HEADER, destination);
    await output.write(windowOf(60, [flow(1), flow(2)]));
    await output.write(windowOf(120, []));
    const bytes = Buffer.concat(destination.writes);
    const read: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      let length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++]!;
        length += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) break;
      }
      const batch = new FlowBatchReader(bytes.subarray(at, at + length));
      read.push(`${batch.header.windowStart} part ${batch.header.part}: ${batch.records}`);
      at += length;
    }
    expect(read).toEqual(['60 part 0: 2', '120 part 0: 0']);
  });
});

describe('a delivery', () => {
  function delivering(drain: () => Promise<void> = async () => undefined) {
    const calls: string[] = [];
    const delivery = {
      push: async (batch: Uint8Array) => {
        const { header } = new FlowBatchReader(batch);
        calls.push(`push ${header.windowStart} part ${header.part}`);
      },
      drain: () => drain().finally(() => calls.push('drain')),
      abort: async () => void calls.push('abort'),
    };
    const sink = { close: async () => void calls.push('close') };
    return { calls, output: new DeliveredOutput(HEADER, delivery as never, sink as never) };
  }

  test('numbers the parts of a window that comes twice on, because a batch has one name for ever', async () => {
    const { calls, output } = delivering();
    await output.write(windowOf(60, [flow(1)]));
    await output.write(windowOf(120, [flow(1)]));
    await output.write(windowOf(60, [flow(2)]));
    await output.end();
    expect(calls).toEqual(['push 60 part 0', 'push 120 part 0', 'push 60 part 1', 'drain', 'close']);
  });

  test('closes its connections where the service refuses', async () => {
    const refusal = new OperationalError('sink.refused', 'no');
    const { calls, output } = delivering(() => Promise.reject(refusal));
    await expect(output.end()).rejects.toBe(refusal);
    expect(calls).toEqual(['drain', 'close']);
  });

  test('that is abandoned gives up what is on its way', async () => {
    const { calls, output } = delivering();
    await output.abandon();
    expect(calls).toEqual(['abort', 'close']);
  });
});

describe('several outputs', () => {
  function output(name: string, calls: string[], fails?: keyof WindowOutput): WindowOutput {
    const call = (what: keyof WindowOutput) => async () => {
      calls.push(`${name} ${what}`);
      if (what === fails) throw new Error(`${name} cannot ${what}`);
    };
    return { write: call('write'), end: call('end'), abandon: call('abandon') };
  }

  test('get every window, one after the other, and end in that order', async () => {
    const calls: string[] = [];
    const all = outputToAll([output('a', calls), output('b', calls)]);
    await all.write(windowOf(0, []));
    await all.end();
    expect(calls).toEqual(['a write', 'b write', 'a end', 'b end']);
  });

  test('are all abandoned, also where the first cannot be', async () => {
    const calls: string[] = [];
    const all = outputToAll([output('a', calls, 'abandon'), output('b', calls)]);
    await expect(all.abandon()).rejects.toThrow('a cannot abandon');
    expect(calls).toEqual(['a abandon', 'b abandon']);
  });
});

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StdoutSink } from '../../../../agent/export/stdout/stdout-sink.ts';
import { systemTimers } from '../../../../agent/export/timers.ts';
import { createLedger } from '../../../../agent/model/ledger.ts';
import { batchOf } from '../../../support/spool-batches.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const LEDGER = { ...createLedger([]), metered: { packets: 7, bytes: 420 } };
const NEVER = new AbortController().signal;

/** Both ends of a pipe: its reader reads when it is asked to. */
function pipe(): { reader: number; writer: number } {
  const path = join(temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, 'w') };
}

const sinkTo = (descriptor: number, ledgerLog = true) =>
  new StdoutSink({ ledgerLog, timers: systemTimers, descriptor });

function readAll(reader: number): string {
  const bytes = Buffer.alloc(1 << 20);
  try {
    return bytes.toString('utf8', 0, readSync(reader, bytes));
  } catch {
    return '';
  }
}

describe('standard output', () => {
  test('has a line of JSON for each record, then the ledger, and the batch counts as sent', async () => {
    const { reader, writer } = pipe();
    const sink = sinkTo(writer);
    expect(await sink.probe()).toEqual({ kind: 'accepted' });
    expect(await sink.send(batchOf(0, 3, LEDGER), NEVER)).toEqual({ kind: 'sent' });
    const lines = readAll(reader)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ srcaddr }) => srcaddr)).toEqual(['0.0.0.0', '0.0.0.1', '0.0.0.2', undefined]);
    expect(lines[3]).toMatchObject({ 'flow-log-id': 'fl-1', 'ledger-metered-packets': 7 });
    expect(await sink.send(Uint8Array.of(1, 2, 3), NEVER)).toMatchObject({ kind: 'poison' });
    // No configuration allows such a name: it ended the agent at each start.
    const names = { interfaceId: 'i'.repeat(5000) };
    expect(await sink.send(batchOf(1, 3, LEDGER, names), NEVER)).toMatchObject({ kind: 'poison' });
    await sink.close();
    closeSync(writer);
    closeSync(reader);
  });

  test('that nobody reads delays a batch and blocks nothing; lines of two sinks stay whole', async () => {
    const { reader, writer } = pipe();
    const [one, two] = [sinkTo(writer, false), sinkTo(writer, false)];
    let isSent = false;
    const sent = Promise.all([one.send(batchOf(0, 3000, LEDGER), NEVER), two.send(batchOf(1, 3000, LEDGER), NEVER)]);
    void sent.then(() => {
      isSent = true;
    });
    // The loop turns while the pipe is full.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(isSent).toBe(false);
    let text = '';
    while (!isSent) {
      text += readAll(reader);
      await new Promise((resolve) => setImmediate(resolve));
    }
    text += readAll(reader);
    expect(await sent).toEqual([{ kind: 'sent' }, { kind: 'sent' }]);
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(6000);
    await Promise.all([one.close(), two.close()]);
    closeSync(writer);
    closeSync(reader);
  });

  test('whose reader is gone blocks the sink with a sentence, and an end does not wait for a slow one', async () => {
    const { reader, writer } = pipe();
    const sink = sinkTo(writer);
    const abort = new AbortController();
    const slow = sink.send(batchOf(0, 4000, LEDGER), abort.signal);
    setTimeout(() => abort.abort(), 20);
    expect(await slow).toMatchObject({ kind: 'retry' });
    closeSync(reader);
    expect(await sink.send(batchOf(0, 1, LEDGER), NEVER)).toEqual({
      kind: 'blocked',
      reason: 'EPIPE: the reader of standard output is gone: restart flowlogd with one',
    });
    await sink.close();
    closeSync(writer);
    expect(await sinkTo(writer).probe()).toMatchObject({ kind: 'blocked', reason: expect.stringContaining('EBADF') });
  });

  test('may be a file, which it appends to as the shell opened it', async () => {
    const path = join(temporaryFolder(), 'out');
    const file = openSync(path, 'w');
    const sink = sinkTo(file, false);
    await sink.send(batchOf(0, 2, LEDGER), NEVER);
    await sink.send(batchOf(1, 2, LEDGER), NEVER);
    await sink.close();
    closeSync(file);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(4);
  });

  test('begins a batch on a line of its own behind one that was cut off by an end', async () => {
    const { reader, writer } = pipe();
    const [slow, next] = [sinkTo(writer, false), sinkTo(writer, false)];
    const abort = new AbortController();
    const cut = slow.send(batchOf(0, 4000, LEDGER), abort.signal);
    setTimeout(() => abort.abort(), 20);
    expect(await cut).toMatchObject({ kind: 'retry' });
    let text = readAll(reader);
    expect(text.endsWith('\n'), 'the pipe has room for whole lines only').toBe(false);
    expect(await next.send(batchOf(1, 3, LEDGER), NEVER)).toEqual({ kind: 'sent' });
    text += readAll(reader);
    const last = text.trimEnd().split('\n').slice(-3);
    expect(last.map((line) => JSON.parse(line).srcaddr)).toEqual(['0.0.0.0', '0.0.0.1', '0.0.0.2']);
    await Promise.all([slow.close(), next.close()]);
    closeSync(writer);
    closeSync(reader);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'on a disk that fills begins on a line of its own once there is room',
    async ({ onTestFinished }) => {
      const disk = temporaryFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
      onTestFinished(() => void execFileSync('umount', ['-l', disk]));
      const path = join(disk, 'out');
      const filler = join(disk, 'filler');
      writeFileSync(filler, Buffer.alloc(40_000));
      const file = openSync(path, 'a');
      const sink = sinkTo(file, false);
      expect(await sink.send(batchOf(0, 4000, LEDGER), NEVER)).toMatchObject({
        kind: 'retry',
        reason: expect.stringMatching(/^ENOSPC: /),
      });
      expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(false);
      rmSync(filler);
      expect(await sink.send(batchOf(1, 3, LEDGER), NEVER)).toEqual({ kind: 'sent' });
      await sink.close();
      closeSync(file);
      const last = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-3);
      expect(last.map((line) => JSON.parse(line).srcaddr)).toEqual(['0.0.0.0', '0.0.0.1', '0.0.0.2']);
    },
  );
});

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { StandardOutput } from '../../../agent/commands/standard-output.ts';
import { Collected } from '../../support/in-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const open: number[] = [];
afterEach(() => {
  for (const descriptor of open.splice(0)) closeSync(descriptor);
});

function opened(path: string, flags: number | string): number {
  const descriptor = openSync(path, flags);
  open.push(descriptor);
  return descriptor;
}

/** What stands for the stream of Node's, and how often it was made. */
function streaming() {
  const stream = new Collected();
  const made: Collected[] = [];
  const make = () => {
    made.push(stream);
    return stream as unknown as NodeJS.WriteStream;
  };
  return { stream, made, make };
}

function pipe(): { readonly reader: number; readonly writer: number } {
  const path = join(temporaryFolder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = opened(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: opened(path, constants.O_WRONLY) };
}

function received(reader: number): string {
  const bytes = Buffer.alloc(1 << 20);
  return bytes.toString('latin1', 0, readSync(reader, bytes));
}

const written = (output: StandardOutput, data: string) =>
  new Promise<Error | null | undefined>((resolve) => output.write(data, resolve));

describe('standard output', () => {
  test('is written to a file without a stream', async () => {
    const path = join(temporaryFolder(), 'file');
    const { made, make } = streaming();
    const output = new StandardOutput(opened(path, 'w'), make);
    expect(await written(output, 'é\n')).toBeFalsy();
    expect(await written(output, 'two\n')).toBeFalsy();
    expect(readFileSync(path, 'utf8')).toBe('é\ntwo\n');
    expect([output.isTTY, output.columns, output.rows, output.errored]).toEqual([false, undefined, undefined, null]);
    expect(made).toEqual([]);
  });

  test('is written to a pipe without a stream, as long as the pipe takes it', async () => {
    const { reader, writer } = pipe();
    const { stream, made, make } = streaming();
    const output = new StandardOutput(writer, make);
    await written(output, 'one\n');
    expect(received(reader)).toBe('one\n');
    expect(made).toEqual([]);
    const more = 'x'.repeat(1 << 18);
    await written(output, more);
    expect(made).toEqual([stream]);
    const taken = received(reader);
    expect(taken.length).toBeGreaterThan(0);
    await written(output, 'end');
    expect(taken + stream.text).toBe(`${more}end`);
  });

  test('leaves a pipe as others have it: their writes wait', () => {
    const { writer } = pipe();
    new StandardOutput(writer, streaming().make).write('one\n');
    const flags = Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${writer}`, 'utf8'))![1]!, 8);
    expect(flags & constants.O_NONBLOCK).toBe(0);
  });

  test('has the stream find out what is wrong with a pipe that nobody reads', async () => {
    const { reader, writer } = pipe();
    const { stream, make } = streaming();
    const output = new StandardOutput(writer, make);
    open.splice(open.indexOf(reader), 1);
    closeSync(reader);
    await written(output, 'lost');
    expect(stream.text).toBe('lost');
  });

  test('is the stream from the first character on where it is neither file nor pipe', async () => {
    const { stream, made, make } = streaming();
    const output = new StandardOutput(opened('/dev/full', 'w'), make);
    await written(output, '');
    expect(made).toEqual([]);
    await written(output, 'text');
    expect(stream.text).toBe('text');
    expect(made).toEqual([stream]);
  });

  test('of a terminal knows its size, and when that changes', () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
    const output = new StandardOutput(opened('/dev/zero', 'w'), () => terminal as unknown as NodeJS.WriteStream);
    expect([output.isTTY, output.columns, output.rows]).toEqual([true, 80, 24]);
    let resized = 0;
    const listener = () => {
      resized++;
    };
    output.on('resize', listener);
    terminal.emit('resize');
    output.off('resize', listener);
    terminal.emit('resize');
    expect(resized).toBe(1);
  });
});

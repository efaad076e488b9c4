import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinText, sequence, styled, terminalText } from '../../../agent/terminal/styled-text.ts';
import { TextOutput } from '../../../agent/terminal/text-output.ts';
import { visibleLines } from '../../../agent/terminal/visible-text.ts';
import { Collected } from '../../support/in-process.ts';

const HOSTILE = '\u001b[2J\u009b31m\u202e\u007f\u0007';
const SHOWN = '\\u001b[2J\\u009b31m\\u202e\\u007f\\u0007';

function written(write: (output: TextOutput) => void): string {
  const stream = new Collected(80);
  write(new TextOutput(stream));
  return stream.text;
}

function chunksOf(write: (output: TextOutput) => void): unknown[] {
  const chunks: unknown[] = [];
  write(new TextOutput(Object.assign(new Collected(), { write: (chunk: unknown) => chunks.push(chunk) > 0 })));
  return chunks;
}

class Terminal extends EventEmitter {
  readonly isTTY = true;
  readonly columns = 132;
  readonly rows = 43;
  write(): void {}
}

describe('standard output', () => {
  test('lets no control character of a string or of bytes through', () => {
    expect(written((output) => output.write(`a ${HOSTILE}\n`))).toBe(`a ${SHOWN}\n`);
    expect(written((output) => output.write(Buffer.from(`a ${HOSTILE}\n`)))).toBe(`a ${SHOWN}\n`);
    expect(written((output) => output.write(Buffer.from('ö plain\n')))).toBe('ö plain\n');
  });

  test('writes ASCII bytes as the very same ones', () => {
    const bytes = Buffer.from('2 - if-nujawf8u 192.0.2.2\n');
    const chunks = chunksOf((output) => output.write(bytes));
    expect(chunks).toEqual([bytes]);
    expect(chunks[0]).toBe(bytes);
  });

  test('finds the one character that is not printable, wherever it stands and however the bytes lie in memory', () => {
    const odd = [0x00, 0x08, 0x09, 0x0a, 0x0d, 0x1b, 0x1f, 0x20, 0x7e, 0x7f];
    for (let offset = 0; offset < 4; offset++) {
      for (let length = 0; length <= 13; length++) {
        for (let at = 0; at < Math.max(length, 1); at++) {
          for (const byte of odd) {
            const room = new Uint8Array(24).fill(0x1b);
            const bytes = room.subarray(offset, offset + length).fill(0x61);
            if (length > 0) bytes[at] = byte;
            const text = Buffer.from(bytes).toString('latin1');
            const isPlain = /^[\n -~]*$/.test(text);
            const [chunk] = chunksOf((output) => output.write(bytes));
            if (isPlain) expect(chunk).toBe(bytes);
            else expect(Buffer.from(chunk as Uint8Array).toString()).toBe(visibleLines(text));
          }
        }
      }
    }
  });

  test('is told of a terminal and its size by the stream, as long as it asks', () => {
    const terminal = new Terminal();
    const output = new TextOutput(terminal);
    expect([output.isTTY, output.columns, output.rows]).toEqual([true, 132, 43]);
    expect(new TextOutput(new Collected()).isTTY).toBe(false);
    let resized = 0;
    const listener = () => {
      resized += 1;
    };
    output.onResize(listener);
    terminal.emit('resize');
    output.offResize(listener);
    terminal.emit('resize');
    expect(resized).toBe(1);
  });

  test('writes what is no text as it is, where that is asked for', () => {
    expect(written((output) => output.writeBinary(Buffer.from(HOSTILE)))).toBe(HOSTILE);
  });

  test('has the sequences of styled text, and none of the text in it', () => {
    const text = joinText([sequence('home'), styled('red', `LOST ${HOSTILE}`), `${HOSTILE}\n`]);
    expect(written((output) => output.write(text))).toBe(`\u001b[H\u001b[1;31mLOST ${SHOWN}\u001b[0m${SHOWN}\n`);
  });

  test('keeps a message on its line, and the indented lines of a list', () => {
    expect(written((output) => output.writeMessage('2 problems:\n  one\n  two'))).toBe(
      'flowlogd: 2 problems:\n  one\n  two\n',
    );
    expect(written((output) => output.writeMessage('no such file: x\nflowlogd: all is well'))).toBe(
      'flowlogd: no such file: x\\u000aflowlogd: all is well\n',
    );
    expect(written((output) => output.writeMessage('x\n flowlogd: all is well'))).toBe(
      'flowlogd: x\\u000a flowlogd: all is well\n',
    );
  });

  test('is styled only by what is styled', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (parts) => {
        expect(terminalText(joinText(parts, '\n'))).not.toMatch(/[^\P{Cc}\n\t\r]|\p{Cf}/u);
      }),
    );
  });
});

describe('joined texts', () => {
  test('are a string where all of them are, so that whoever joins them can measure them', () => {
    expect(joinText(['a', 'b'], ', ')).toBe('a, b');
    expect(joinText([])).toBe('');
  });

  test('are styled where one of them or what is between them is', () => {
    expect(terminalText(joinText(['a\u001b', styled('bold', 'b')], ', '))).toBe('a\\u001b, \u001b[1mb\u001b[0m');
    expect(terminalText(joinText(['a\u001b', 'b'], sequence('nextLine')))).toBe('a\\u001b\r\nb');
  });
});

describe('no source', () => {
  const sources = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => [join(folder, name), readFileSync(join(folder, name), 'utf8')] as const);

  test('writes to the standard streams itself', () => {
    const writing = sources('agent').filter(([, text]) => /process\.std(?:out|err)\b|writeSync\([12],/.test(text));
    expect(writing.map(([name]) => name)).toEqual(['agent/main.ts']);
  });

  test('has a sequence for terminals but the closed list', () => {
    const naming = sources('agent').filter(([, text]) => /\\u001b\[|\\x1b|\\u009b/.test(text));
    expect(naming.map(([name]) => name).toSorted()).toEqual([
      'agent/terminal/styled-text.ts',
      'agent/terminal/visible-text.ts',
    ]);
  });
});

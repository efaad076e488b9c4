import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinText, sequence, styled, terminalText } from '../../../agent/terminal/styled-text.ts';
import { TextOutput } from '../../../agent/terminal/text-output.ts';
import { Collected } from '../../support/in-process.ts';

const HOSTILE = '\u001b[2J\u009b31m\u202e\u007f\u0007';
const SHOWN = '\\u001b[2J\\u009b31m\\u202e\\u007f\\u0007';

function written(write: (output: TextOutput) => void): string {
  const stream = new Collected(80);
  write(new TextOutput(stream));
  return stream.text;
}

describe('standard output', () => {
  test('lets no control character of a string or of bytes through', () => {
    expect(written((output) => output.write(`a ${HOSTILE}\n`))).toBe(`a ${SHOWN}\n`);
    expect(written((output) => output.write(Buffer.from(`a ${HOSTILE}\n`)))).toBe(`a ${SHOWN}\n`);
    expect(written((output) => output.write(Buffer.from('ö plain\n')))).toBe('ö plain\n');
  });

  test('writes ASCII bytes as the very same ones', () => {
    const bytes = Buffer.from('2 - if-nujawf8u 192.0.2.2\n');
    const chunks: unknown[] = [];
    const stream = Object.assign(new Collected(), { write: (chunk: unknown) => chunks.push(chunk) > 0 });
    new TextOutput(stream).write(bytes);
    expect(chunks).toEqual([bytes]);
    expect(chunks[0]).toBe(bytes);
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
  });

  test('is styled only by what is styled', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (parts) => {
        expect(terminalText(joinText(parts, '\n'))).not.toMatch(/[^\P{Cc}\n\t\r]|\p{Cf}/u);
      }),
    );
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

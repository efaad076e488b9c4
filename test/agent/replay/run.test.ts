import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pcapFile } from '../../support/capture-file.ts';
import { runInProcess } from '../../support/in-process.ts';
import { ethernet, ipv4, PROTOCOL, udp } from '../../support/packet-builder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const FRAME = ethernet(
  {},
  ipv4(
    { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp },
    udp({ sourcePort: 1, destinationPort: 2 }),
  ),
);

/** A folder with a capture of one packet in it, and paths beside that. */
function folderWithCapture(): { readonly capture: string; readonly at: (name: string) => string } {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('one.pcap'), pcapFile([{ seconds: 60, bytes: FRAME }]));
  return { capture: at('one.pcap'), at };
}

/** A log service that has no such topic. */
async function refusingService(): Promise<string> {
  const server = createServer((request, response) => {
    request
      .resume()
      .on('end', () => response.writeHead(404).end('{"errorcode":"TopicNotExist","errormessage":"no such topic"}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}?topic_id=topic-1`;
}

const KEY = { FLOWLOGD_CLS_SECRET_ID: 'id', FLOWLOGD_CLS_SECRET_KEY: 'key' };

describe('a path that the system does not even look up', () => {
  const names: readonly [string, (at: (name: string) => string) => string, string][] = [
    ['below a file', (at) => join(at('one.pcap'), 'x'), 'ENOTDIR: not a directory'],
    ['longer than a path may be', (at) => at('x'.repeat(300)), 'ENAMETOOLONG: name too long'],
    ['in a circle of links', (at) => join(at('circle'), 'x'), 'ELOOP: too many symbolic links encountered'],
  ];
  test.each(names)('%s is refused in a sentence where records are to go', async (_what, path, reason) => {
    const { capture, at } = folderWithCapture();
    symlinkSync(at('circle'), at('circle'));
    for (const option of ['--output', '--html']) {
      const { code, stderr, stdout } = await runInProcess(['replay', capture, option, path(at)]);
      expect(stderr).toContain(`flowlogd: Writing records to ${path(at)} failed: ${reason}`);
      expect([code, stdout]).toEqual([74, '']);
    }
  });

  test.each(names)('%s is an input that is not there', async (_what, path) => {
    const { at } = folderWithCapture();
    symlinkSync(at('circle'), at('circle'));
    const { code, stderr } = await runInProcess(['replay', path(at)]);
    expect(stderr).toMatch(new RegExp(`^flowlogd: Reading ${path(at)} failed: .*\\.\n$`));
    expect(code).toBe(66);
  });
});

describe('a replay that comes to nothing leaves no file', () => {
  test.each([
    ['the report has no place', ['--output', 'records', '--html', 'nowhere/report'], 74],
    ['the records have no place', ['--html', 'report', '--output', 'nowhere/records'], 74],
    ['the records find a full disk', ['--html', 'report', '--output', '/dev/full'], 74],
    ['an option is refused', ['--html', 'report', '--format', 'parquet'], 64],
    ['the key is missing', ['--html', 'report', '--to', 'http://127.0.0.1:9?topic_id=t'], 64],
  ])('when %s', async (_why, words, exitCode) => {
    const { capture, at } = folderWithCapture();
    const paths = words.map((word) => (/^(records|report|nowhere)/.test(word) ? at(word) : word));
    const { code, stderr } = await runInProcess(['replay', capture, ...paths]);
    expect(stderr).toMatch(/^flowlogd: .*\n$/);
    expect(code).toBe(exitCode);
    expect([existsSync(at('records')), existsSync(at('report'))]).toEqual([false, false]);
  });

  test('when the log service refuses its records', async () => {
    const { capture, at } = folderWithCapture();
    const words = ['replay', capture, '--html', at('report'), '--to', await refusingService()];
    const { code, stderr } = await runInProcess(words, { env: KEY });
    expect(stderr).toMatch(/^flowlogd: Sending records to .* failed: the service refuses: .*\n$/);
    expect(code).toBe(69);
    expect(existsSync(at('report'))).toBe(false);
  });

  test('but one that was there stays as it was', async () => {
    const { capture, at } = folderWithCapture();
    writeFileSync(at('report'), 'of yesterday');
    expect((await runInProcess(['replay', capture, '--html', at('report'), '-o', '/dev/full'])).code).toBe(74);
    expect(readFileSync(at('report'), 'utf8')).toBe('of yesterday');
  });
});

describe('the exit code of a replay of several files', () => {
  test.each([
    ['all are read', ['one.pcap', 'one.pcap'], 0],
    ['one is missing', ['one.pcap', 'missing.pcap'], 66],
    ['one is no capture', ['one.pcap', 'text'], 65],
    ['one is missing and one is no capture, in either order', ['missing.pcap', 'text'], 65],
    ['one is no capture and one is missing', ['text', 'missing.pcap'], 65],
    ['one is a folder', ['one.pcap', 'folder'], 66],
  ])('when %s', async (_what, names, exitCode) => {
    const { at } = folderWithCapture();
    writeFileSync(at('text'), 'no capture at all, but long enough to have a header');
    mkdirSync(at('folder'));
    const { code, stdout, stderr } = await runInProcess(['replay', '--format', 'text', ...names.map(at)]);
    const read = names.filter((name) => name === 'one.pcap').length;
    expect(stdout.split('\n').filter((line) => line.includes('10.0.0.1'))).toHaveLength(Math.min(read, 1));
    expect(stderr.split('\n').filter((line) => line.startsWith('flowlogd: '))).toHaveLength(names.length - read);
    expect(code).toBe(exitCode);
  });
});

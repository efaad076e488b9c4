import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
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

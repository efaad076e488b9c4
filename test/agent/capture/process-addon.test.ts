import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const addon = loadCaptureAddon();

/** Prints the datagrams that reach a Unix socket, which Node.js cannot make: node-gyp needs Python anyway. */
const RECEIVER = `
import socket, sys
name = sys.argv[1]
receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiving.bind('\\0' + name[1:] if name[0] == '@' else name)
print('bound', flush=True)
while True: print(repr(receiving.recv(65536).decode()), flush=True)
`;

async function receiver(name: string): Promise<() => Promise<string>> {
  const child = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  expect(await next()).toBe('bound');
  return next;
}

describe('a datagram', () => {
  test.each([
    ['a path', () => join(temporaryFolder(), 'notify')],
    ['the longest path', () => `${temporaryFolder()}/`.padEnd(107, 'x')],
    ['an abstract name', () => `@flowlogd-test-${process.pid}`],
  ])('reaches a socket at %s', async (_, nameOf) => {
    const name = nameOf();
    const next = await receiver(name);
    addon.sendDatagram(name, 'READY=1\nSTATUS=é');
    expect(await next()).toBe("'READY=1\\nSTATUS=é'");
  });

  test('to nobody is an error with its code', () => {
    expect(() => addon.sendDatagram(join(temporaryFolder(), 'nobody'), '')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    expect(() => addon.sendDatagram('@flowlogd-nobody', '')).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
  });

  test('that is too long, or a path that is, is refused', () => {
    expect(() => addon.sendDatagram('/tmp/x', 'x'.repeat(4096))).toThrow(TypeError);
    expect(() => addon.sendDatagram('x'.repeat(108), '')).toThrow(TypeError);
    expect(() => addon.sendDatagram('a\0b', '')).toThrow(TypeError);
  });
});

describe('capabilities', () => {
  test.each([[[-1]], [[64]], [[1.5]], ['13'], [undefined]])('%o is no list of them', (value) => {
    expect(() => addon.keepCapabilities(value as number[], [])).toThrow();
    expect(() => addon.keepCapabilities([], value as number[])).toThrow();
    expect(() => addon.limitCapabilities(value as number[], -1, -1)).toThrow();
  });
});

describe('executing', () => {
  test('goes on as another program under the same id, and says why it does not', () => {
    const script = `
      const addon = require(${JSON.stringify(join(process.cwd(), 'agent/native/build/Release/capture.node'))});
      try { addon.execute('/no/such/program', ['x']); } catch ({ code }) { console.log(code, process.pid); }
      addon.execute('/bin/sh', ['sh', '-c', 'echo "$0 $1 $$"', 'one', 'two words']);
    `;
    const { stdout, pid } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(stdout).toBe(`ENOENT ${pid}\none two words ${pid}\n`);
  });
});

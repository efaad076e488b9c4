import { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileRules } from '../../../agent/sandbox/file-rights.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NEWEST = 7;
const USER = 997;
const NO_NEEDS = { written: [], read: [] };
/** linux/landlock.h. */
const EXECUTE = 1 << 0;
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const REFER = 1 << 13;
const TRUNCATE = 1 << 14;

function rules(needs: Parameters<typeof fileRules>[0], environment: Record<string, string> = {}, version = NEWEST) {
  const { handled, scoped, paths, rights } = fileRules(needs, version, USER, environment);
  return { handled, scoped, rightsOf: (path: string) => rights[paths.indexOf(path)], paths };
}

describe('the files of an agent', () => {
  test.each([
    [2, 0x3ffe],
    [3, 0x7ffe],
    [4, 0x7ffe],
    [5, 0xfffe],
    [NEWEST, 0xfffe],
  ])('are limited by all rights that Landlock %i knows but executing', (version, handled) => {
    expect(rules(NO_NEEDS, {}, version).handled).toBe(handled);
    expect(handled & EXECUTE).toBe(0);
    const { rightsOf } = rules({ written: ['/var/lib/flowlogd'], read: [] }, {}, version);
    expect(rightsOf('/var/lib/flowlogd')! & ~handled).toBe(0);
    expect(rightsOf('/var/lib/flowlogd')! & (WRITE_FILE | REFER)).toBe(WRITE_FILE | REFER);
    expect(rightsOf('/var/lib/flowlogd')! & TRUNCATE).toBe(handled & TRUNCATE);
  });

  test('are written in the state alone, and in /dev/null', () => {
    const { paths, rightsOf } = rules({ written: ['/var/lib/flowlogd'], read: ['/etc/flowlogd/flowlogd.yaml'] });
    const written = paths.filter((path) => (rightsOf(path)! & ~(READ_FILE | (1 << 3))) !== 0);
    expect(written).toEqual(['/dev/null', '/var/lib/flowlogd']);
    expect(paths).not.toContain('/');
    for (const private_ of ['/root', '/home', '/tmp', '/var', '/var/log', '/boot', '/run'])
      expect(paths).not.toContain(private_);
  });

  test('that are read again are read by way of their folder, where that is one of their own', () => {
    const folder = join(temporaryFolder(), 'own');
    mkdirSync(folder);
    writeFileSync(join(folder, 'flowlogd.yaml'), '');
    expect(rules({ written: [], read: [join(folder, 'flowlogd.yaml')] }).rightsOf(folder)).toBeDefined();
    for (const path of [
      '/etc/flowlogd.yaml',
      '/root/flowlogd.yaml',
      '/home/alice/flowlogd.yaml',
      '/tmp/flowlogd.yaml',
    ]) {
      const { paths } = rules({ written: [], read: [path] });
      expect(paths).toContain(path);
      expect(paths.filter((one) => path.startsWith(`${one}/`) && one !== '/etc')).toEqual([]);
    }
    chmodSync(folder, 0o1777);
    expect(rules({ written: [], read: [join(folder, 'key')] }).rightsOf(folder)).toBeUndefined();
  });

  test('that are links are read where they lead, too', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, '..data'));
    writeFileSync(join(folder, '..data/key'), '');
    mkdirSync(join(folder, 'names'));
    symlinkSync(join(folder, '..data/key'), join(folder, 'names/key'));
    const { paths } = rules({ written: [], read: [join(folder, 'names/key')] });
    expect(paths).toEqual(expect.arrayContaining([join(folder, 'names'), join(folder, '..data')]));
  });

  test('are those, too, that the environment has Node.js load', () => {
    const environment = {
      NODE_EXTRA_CA_CERTS: '/opt/ca.pem',
      NODE_OPTIONS: '--enable-source-maps --import=file:///opt/preload.mjs --require /opt/trace.js',
      LD_PRELOAD: '/opt/a.so:/opt/b.so',
    };
    const loaded = ['/opt/ca.pem', '/opt/preload.mjs', '/opt/trace.js', '/opt/a.so', '/opt/b.so', process.execPath];
    expect(rules(NO_NEEDS, environment).paths).toEqual(expect.arrayContaining(loaded));
  });

  test('that are opened once are read, and nothing beside them; of a folder only that it is one', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'key.pem');
    writeFileSync(file, '');
    const { rightsOf } = rules({ ...NO_NEEDS, opened: [folder, file, join(folder, 'absent')] });
    expect(rightsOf(folder)).toBe(1 << 3);
    expect([rightsOf(file), rightsOf(join(folder, 'absent'))]).toEqual([READ_FILE, READ_FILE]);
  });

  test.each([
    ['NODE_EXTRA_CA_CERTS', '/opt/x', ['/opt/x']],
    ['SSL_CERT_FILE', '/opt/x', ['/opt/x']],
    ['OPENSSL_CONF', '/opt/x', ['/opt/x']],
    ['NODE_ICU_DATA', '/opt/x', ['/opt/x']],
    ['SSL_CERT_DIR', '/opt/x:/opt/y', ['/opt/x', '/opt/y']],
    ['LD_LIBRARY_PATH', '/opt/x:/opt/y', ['/opt/x', '/opt/y']],
    ['NODE_PATH', '/opt/x:/opt/y', ['/opt/x', '/opt/y']],
    ['LD_PRELOAD', '/opt/x /opt/y', ['/opt/x', '/opt/y']],
    ['NODE_OPTIONS', '--no-warnings', []],
    ['NODE_V8_COVERAGE', '/opt/x', ['/opt/x']],
  ])('are what %s names: %s', (name, value, named) => {
    const before = rules(NO_NEEDS).paths;
    expect(rules(NO_NEEDS, { [name]: value }).paths.filter((path) => !before.includes(path))).toEqual(named);
  });

  test('of /etc are all for a user, and what is no secret for root where names are not looked up by a plain file', () => {
    expect(rules(NO_NEEDS).paths).toContain('/etc');
    const isPlain = lstatSync('/etc/resolv.conf', { throwIfNoEntry: false })?.isFile() === true;
    const { paths } = fileRules(NO_NEEDS, NEWEST, 0, {});
    expect(paths.includes('/etc')).toBe(isPlain);
    for (const name of isPlain ? [] : ['passwd', 'hosts', 'machine-id', 'ld.so.cache', 'ssl/certs', 'pki/ca-trust'])
      expect(paths).toContain(`/etc/${name}`);
    for (const secret of ['shadow', 'ssh', 'ssl/private']) expect(paths).not.toContain(`/etc/${secret}`);
  });

  test('leave a service manager its abstract socket', () => {
    expect(rules(NO_NEEDS).scoped).toBe(3);
    expect(rules(NO_NEEDS, { NOTIFY_SOCKET: '@/org/notify' }).scoped).toBe(2);
    expect(rules(NO_NEEDS, {}, 5).scoped).toBe(0);
  });
});
